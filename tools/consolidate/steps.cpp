#include "tools/consolidate/phase0.hpp"
#include "tools/consolidate/phase1.hpp"
#include "tools/consolidate/phase10.hpp"
#include "tools/consolidate/phase11.hpp"
#include "tools/consolidate/phase12.hpp"
#include "tools/consolidate/phase13.hpp"
#include "tools/consolidate/phase14.hpp"
#include "tools/consolidate/phase15.hpp"
#include "tools/consolidate/phase2.hpp"
#include "tools/consolidate/phase3.hpp"
#include "tools/consolidate/phase4.hpp"
#include "tools/consolidate/phase5.hpp"
#include "tools/consolidate/phase6.hpp"
#include "tools/consolidate/phase7.hpp"
#include "tools/consolidate/phase8.hpp"
#include "tools/consolidate/phase9.hpp"

#include <array>

namespace aeo::consolidate {

std::span<const step> all_steps() {
  static constexpr std::array steps{
      step{"repository-analysis", "0", "git facts of every repository", repository_analysis},
      step{"workspace-analysis", "0", "files, bytes and lines per language", workspace_analysis},
      step{"bmc-inventory", "0", "domain components with their evidence", bmc_inventory},
      step{"integrations-status", "0", "integrations in code, variables, health",
           integrations_status},
      step{"quotation-assessment", "0", "the configured assessments", quotation_assessment},
      step{"production-gaps", "0", "requirements that are not met", production_gaps},
      step{"production-baseline", "0", "the numbers of the six outputs above", production_baseline},
      step{"repository-manifests", "1", "every manifest, parsed", repository_manifests},
      step{"workspace-duplicates", "1", "files with the same content", workspace_duplicates},
      step{"technologies", "1", "frameworks and databases in use", technologies},
      step{"dependencies", "1", "direct dependencies with constraints", dependencies},
      step{"component-mapping", "2", "directory to component to target path", component_mapping},
      step{"merge-strategy", "3", "collisions and version conflicts", merge_strategy},
      step{"conflict-resolution", "4", "build the monorepo with full history", conflict_resolution},
      step{"testing", "5", "run the suites of the monorepo", testing},
      step{"documentation", "6", "pages of the monorepo, links, READMEs, variables", documentation},
      step{"integration-tests", "7", "every file parses, every reference resolves",
           integration_tests},
      step{"final-configuration", "8", "variables, host conflicts, files that do not parse",
           final_configuration},
      step{"webhook-validation-whatsapp", "9", "who may call the webhooks of WhatsApp",
           webhook_validation_whatsapp},
      step{"webhook-validation-n8n", "9", "who may call the webhooks of n8n",
           webhook_validation_n8n},
      step{"secrets-migration", "9", "secrets in the tree and in the whole history",
           secrets_migration},
      step{"rate-limiting", "9", "endpoints without a rate limit", rate_limiting},
      step{"cors-config", "9", "origins that may call", cors_config},
      step{"auth-implementation", "9", "endpoints without authentication", auth_implementation},
      step{"security-audit-report", "9", "all findings of the phase", security_audit_report},
      step{"security-summary", "9", "findings by severity", security_summary},
      step{"infrastructure-as-code", "10", "parse and check, generate a compose file",
           infrastructure_as_code},
      step{"monitoring-setup", "11", "what services tell, Prometheus to listen", monitoring_setup},
      step{"load-test", "12", "start services and load them", load_test},
      step{"pipeline", "13", "check workflows, write one for the suites", pipeline},
      step{"disaster-recovery", "14", "back up, restore elsewhere, compare", disaster_recovery},
      step{"readiness-audit", "15", "look again at the evidence of all phases", readiness_audit},
      step{"stakeholder-signoff", "15", "the approvals on record", stakeholder_signoff},
      step{"deployment", "15", "the configured deploy commands", deployment},
      step{"post-deployment", "15", "the configured checks after it", post_deployment},
      step{"final-validation", "15", "all of it, added up", final_validation}};
  return steps;
}

} // namespace aeo::consolidate
