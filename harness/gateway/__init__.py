"""One door to a model: keys stay behind it, usage is metered at it, budgets end at it."""

from harness.gateway.exchange import LIMIT_ERRORS, PROVIDER_ERROR, Patience
from harness.gateway.prices import PriceTable
from harness.gateway.serve import Admission, Gateway, Upstream

__all__ = ["LIMIT_ERRORS", "PROVIDER_ERROR", "Admission", "Gateway", "Patience", "PriceTable", "Upstream"]
