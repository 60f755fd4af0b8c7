"""List prices without taxes, beyond the monthly free tier. AWS: us-east-1, unless it says otherwise."""

from dataclasses import dataclass

_MILLION = 1_000_000.0
_MONTH_H = 730.0


@dataclass(frozen=True)
class Price:
    """The price of one unit. `told` says whose price it is and as of when."""

    usd: float
    told: str


@dataclass(frozen=True, kw_only=True)
class PriceList:
    """One cloud's prices; None if no dated price was found, so that sums say what they leave out."""

    name: str
    store_write: Price | None
    store_read: Price | None
    queue_request: Price | None
    function_call: Price
    function_gb_s: Price
    schedule: Price | None
    """One start by a schedule; None if that is free."""


AWS = PriceList(
    name="AWS",
    store_write=Price(0.005 / 1000, "S3 Standard, PUT and LIST; read November 2026"),
    store_read=Price(0.0004 / 1000, "S3 Standard, GET and HEAD; read November 2026"),
    queue_request=Price(0.40 / _MILLION, "SQS standard, up to 64 KB; June 2026"),
    function_call=Price(0.20 / _MILLION, "Lambda; read November 2026"),
    function_gb_s=Price(0.0000133334, "Lambda on arm64; read November 2026"),
    schedule=Price(1.00 / _MILLION, "EventBridge Scheduler; March 2026"),
)
YANDEX = PriceList(
    name="Yandex Cloud",
    store_write=None,
    store_read=None,
    queue_request=None,
    function_call=Price(0.1554917784 / _MILLION, "Cloud Functions, international price list; read November 2026"),
    function_gb_s=Price(0.0531147456 / 3600, "Cloud Functions, international price list; read November 2026"),
    schedule=None,
)
TRANSITION = Price(25.0 / _MILLION, "Step Functions, standard workflow, one transition; March 2026")
SMALL_VM_MONTH = Price(0.012 * _MONTH_H, "EC2 t3.micro in eu-central-1, a month, without disk and address; August 2021")
