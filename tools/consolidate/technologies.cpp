#include "tools/consolidate/technologies.hpp"

#include <algorithm>
#include <array>

namespace aeo::consolidate {

namespace {

constexpr std::array table{
    technology{"npm", "express", "Express", "server"},
    technology{"npm", "fastify", "Fastify", "server"},
    technology{"npm", "koa", "Koa", "server"},
    technology{"npm", "@nestjs/*", "NestJS", "server"},
    technology{"npm", "@hapi/*", "hapi", "server"},
    technology{"npm", "hono", "Hono", "server"},
    technology{"npm", "react", "React", "front end"},
    technology{"npm", "next", "Next.js", "front end"},
    technology{"npm", "vue", "Vue", "front end"},
    technology{"npm", "nuxt", "Nuxt", "front end"},
    technology{"npm", "svelte", "Svelte", "front end"},
    technology{"npm", "@angular/*", "Angular", "front end"},
    technology{"npm", "preact", "Preact", "front end"},
    technology{"npm", "lit", "Lit", "front end"},
    technology{"npm", "vite", "Vite", "build"},
    technology{"npm", "webpack", "webpack", "build"},
    technology{"npm", "esbuild", "esbuild", "build"},
    technology{"npm", "typescript", "TypeScript", "build"},
    technology{"npm", "jest", "Jest", "test"},
    technology{"npm", "vitest", "Vitest", "test"},
    technology{"npm", "mocha", "Mocha", "test"},
    technology{"npm", "@playwright/*", "Playwright", "test"},
    technology{"npm", "cypress", "Cypress", "test"},
    technology{"npm", "pg", "PostgreSQL", "database"},
    technology{"npm", "mongoose", "MongoDB", "database"},
    technology{"npm", "mongodb", "MongoDB", "database"},
    technology{"npm", "@prisma/*", "Prisma", "database"},
    technology{"npm", "redis", "Redis", "database"},
    technology{"npm", "ioredis", "Redis", "database"},
    technology{"npm", "@qdrant/*", "Qdrant", "database"},
    technology{"npm", "bullmq", "BullMQ", "queue"},
    technology{"npm", "amqplib", "RabbitMQ", "queue"},
    technology{"npm", "openai", "OpenAI", "ai"},
    technology{"npm", "langchain", "LangChain", "ai"},
    technology{"npm", "whatsapp-web.js", "WhatsApp", "messaging"},
    technology{"npm", "n8n*", "n8n", "messaging"},
    technology{"pypi", "flask", "Flask", "server"},
    technology{"pypi", "django", "Django", "server"},
    technology{"pypi", "fastapi", "FastAPI", "server"},
    technology{"pypi", "starlette", "Starlette", "server"},
    technology{"pypi", "aiohttp", "aiohttp", "server"},
    technology{"pypi", "tornado", "Tornado", "server"},
    technology{"pypi", "uvicorn", "Uvicorn", "server"},
    technology{"pypi", "gunicorn", "Gunicorn", "server"},
    technology{"pypi", "streamlit", "Streamlit", "front end"},
    technology{"pypi", "pytest", "pytest", "test"},
    technology{"pypi", "tox", "tox", "test"},
    technology{"pypi", "hypothesis", "Hypothesis", "test"},
    technology{"pypi", "sqlalchemy", "SQLAlchemy", "database"},
    technology{"pypi", "psycopg*", "PostgreSQL", "database"},
    technology{"pypi", "pymongo", "MongoDB", "database"},
    technology{"pypi", "redis", "Redis", "database"},
    technology{"pypi", "qdrant-client", "Qdrant", "database"},
    technology{"pypi", "celery", "Celery", "queue"},
    technology{"pypi", "openai", "OpenAI", "ai"},
    technology{"pypi", "langchain*", "LangChain", "ai"},
    technology{"pypi", "twilio", "Twilio", "messaging"},
    technology{"pypi", "setuptools", "setuptools", "build"},
    technology{"pypi", "hatchling", "Hatch", "build"},
    technology{"go", "github.com/gin-gonic/gin", "Gin", "server"},
    technology{"go", "github.com/labstack/echo*", "Echo", "server"},
    technology{"go", "github.com/go-chi/chi*", "chi", "server"},
    technology{"go", "github.com/gofiber/fiber*", "Fiber", "server"},
    technology{"go", "github.com/gorilla/mux", "gorilla/mux", "server"},
    technology{"go", "google.golang.org/grpc", "gRPC", "server"},
    technology{"go", "github.com/stretchr/testify", "Testify", "test"},
    technology{"go", "github.com/jackc/pgx*", "PostgreSQL", "database"},
    technology{"go", "github.com/redis/go-redis*", "Redis", "database"},
    technology{"go", "github.com/qdrant/*", "Qdrant", "database"},
    technology{"cargo", "actix-web", "Actix", "server"},
    technology{"cargo", "axum", "axum", "server"},
    technology{"cargo", "rocket", "Rocket", "server"},
    technology{"cargo", "tokio", "Tokio", "server"},
    technology{"cargo", "sqlx", "SQLx", "database"},
    technology{"cargo", "criterion", "Criterion", "test"},
    technology{"maven", "org.springframework.boot:*", "Spring Boot", "server"},
    technology{"maven", "io.quarkus:*", "Quarkus", "server"},
    technology{"maven", "junit:junit", "JUnit", "test"},
    technology{"maven", "org.junit.jupiter:*", "JUnit", "test"},
    technology{"maven", "org.hibernate*", "Hibernate", "database"},
    technology{"cmake", "Qt5", "Qt", "front end"},
    technology{"cmake", "Qt6", "Qt", "front end"},
    technology{"cmake", "Boost", "Boost", "build"},
    technology{"cmake", "GTest", "GoogleTest", "test"},
    technology{"cmake", "Catch2", "Catch2", "test"},
    technology{"docker", "postgres", "PostgreSQL", "database"},
    technology{"docker", "redis", "Redis", "database"},
    technology{"docker", "mongo", "MongoDB", "database"},
    technology{"docker", "qdrant/qdrant", "Qdrant", "database"},
    technology{"docker", "n8nio/n8n", "n8n", "messaging"},
    technology{"docker", "chatwoot/chatwoot", "Chatwoot", "messaging"},
    technology{"docker", "rabbitmq", "RabbitMQ", "queue"},
    technology{"docker", "nginx", "nginx", "server"},
};

} // namespace

const technology* find_technology(std::string_view ecosystem, std::string_view package) {
  const auto* found = std::find_if(table.begin(), table.end(), [&](const technology& item) {
    if (item.ecosystem != ecosystem)
      return false;
    return item.package.ends_with('*')
               ? package.starts_with(item.package.substr(0, item.package.size() - 1))
               : package == item.package;
  });
  return found == table.end() ? nullptr : found;
}

} // namespace aeo::consolidate
