# shellcheck shell=bash
# quotation-service, first half: the engine, the catalogue and their tests.

start quotation-service
put README.md <<'EOF'
# Quotation service

Quotes building materials: product, quantity and delivery zone in, a price in cents out.
EOF
licence
save ana "Start the quotation service"
put quotation/__init__.py <<'EOF'
"""The quotation engine of BMC."""
EOF
put quotation/products.py <<'EOF'
"""The product catalogue: prices in cents."""

PRODUCT_CATALOG = {
    "cement-50kg": {"title": "Cement, 50 kg", "price_cents": 1250},
    "brick-red": {"title": "Red brick", "price_cents": 45},
    "sand-m3": {"title": "Sand, cubic metre", "price_cents": 3900},
}


def product_by_code(code):
    try:
        return PRODUCT_CATALOG[code]
    except KeyError:
        raise ValueError(f"unknown product: {code}") from None
EOF
save ana "Add the product catalogue"
put quotation/zones.py <<'EOF'
"""Delivery zones: what it costs to bring a load there."""

DELIVERY_ZONES = {"north": 4000, "centre": 2500, "south": 6000}


def zone_cost(zone):
    if zone not in DELIVERY_ZONES:
        raise ValueError(f"unknown delivery zone: {zone}")
    return DELIVERY_ZONES[zone]
EOF
save bruno "Add the delivery zones"
put quotation/engine.py <<'EOF'
"""Makes quotations. Money is in cents: no binary floating point."""
from datetime import date, timedelta

from quotation.products import product_by_code
from quotation.zones import zone_cost

VALIDITY_DAYS = 15


def quote(product, quantity, zone, today=None):
    if not isinstance(quantity, int) or quantity < 1:
        raise ValueError(f"quantity must be a whole number of at least 1, not {quantity!r}")
    item = product_by_code(product)
    goods = item["price_cents"] * quantity
    delivery = zone_cost(zone)
    valid_until = (today or date.today()) + timedelta(days=VALIDITY_DAYS)
    return {
        "product": product,
        "quantity": quantity,
        "goods_cents": goods,
        "delivery_cents": delivery,
        "total_cents": goods + delivery,
        "valid_until": valid_until.isoformat(),
    }
EOF
save ana "Quote products with delivery"
put tests/__init__.py < /dev/null
put tests/test_quotation.py <<'EOF'
import unittest
from datetime import date

from quotation.engine import quote


class QuotationTest(unittest.TestCase):
    def test_total_is_goods_plus_delivery(self):
        result = quote("cement-50kg", 10, "north")
        self.assertEqual(result["goods_cents"], 12500)
        self.assertEqual(result["total_cents"], 16500)

    def test_unknown_zone_is_refused(self):
        with self.assertRaises(ValueError):
            quote("cement-50kg", 1, "moon")

    def test_unknown_product_is_refused(self):
        with self.assertRaises(ValueError):
            quote("gold", 1, "north")

    def test_quantity_must_be_positive(self):
        with self.assertRaises(ValueError):
            quote("sand-m3", 0, "south")

    def test_a_quotation_expires(self):
        result = quote("brick-red", 100, "centre", today=date(2024, 1, 1))
        self.assertEqual(result["valid_until"], "2024-01-16")


if __name__ == "__main__":
    unittest.main()
EOF
save bruno "Test the engine"
put pyproject.toml <<'EOF'
[build-system]
requires = ["setuptools>=68"]
build-backend = "setuptools.build_meta"

[project]
name = "bmc-quotation"
version = "1.0.0"
requires-python = ">=3.9"
dependencies = ["httpx>=0.27,<0.28"]

[project.optional-dependencies]
test = ["pytest>=7"]
EOF
shared quotation '"zone"'
save carla "Declare the package and its contracts"
as carla
git tag -a -m "First release" v1.0.0
