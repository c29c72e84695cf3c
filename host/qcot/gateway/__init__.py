"""The gateway: transactions to verification to Qblock to ledger to receipts."""

from qcot.gateway.config import GatewayConfig
from qcot.gateway.events import Event, Snapshot
from qcot.gateway.gateway import Gateway
from qcot.gateway.limits import Limits, Rate

__all__ = ["Event", "Gateway", "GatewayConfig", "Limits", "Rate", "Snapshot"]
