"""The words of the world: service names, commit titles, and what goes wrong in which service."""

from dataclasses import dataclass

ENVIRONMENTS = ("staging", "production")

DEPENDS_ON: dict[str, tuple[str, ...]] = {
    "web": ("catalog", "search", "checkout"),
    "catalog": (),
    "search": ("catalog",),
    "checkout": ("payments", "shipping"),
    "payments": (),
    "shipping": (),
}

AUTHORS = ("noor", "luca", "ines", "tomasz", "yuki", "amara")

TITLES = (
    "Bump the base image",
    "Cache category pages for a minute",
    "Log the request id in every handler",
    "Remove an unused feature flag",
    "Tune the connection pool",
    "Translate the error pages",
    "Move retries into the client",
    "Split the settings module",
)

BASE_ERRORS: dict[str, str] = {
    "web": "upstream closed the connection before the response headers",
    "catalog": "replica lag above 500 ms, answered 503",
    "search": "query timed out after 2000 ms on shard 3",
    "checkout": "cart was changed in another tab, optimistic lock failed",
    "payments": "card network did not answer within 3000 ms",
    "shipping": "carrier API answered 502",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Flaw:
    """What a faulty deploy says of itself, and what its requests then fail with."""

    title: str
    message: str


FLAWS: dict[str, tuple[Flaw, ...]] = {
    "web": (
        Flaw(
            title="Render the basket badge on the server",
            message="ReferenceError: window is not defined in renderBasketBadge",
        ),
        Flaw(
            title="Read the session from the new cookie",
            message="SessionError: cookie 'sid2' is missing in loadSession",
        ),
    ),
    "catalog": (
        Flaw(
            title="Load prices in one query",
            message="OperationalError: column prices.valid_to does not exist in loadPrices",
        ),
        Flaw(
            title="Serve images in WebP",
            message="KeyError: 'webp' in ImageVariants.pick",
        ),
    ),
    "search": (
        Flaw(
            title="Rank by margin",
            message="ZeroDivisionError: float division by zero in marginScore",
        ),
        Flaw(
            title="Switch to the new index",
            message="IndexNotFound: products_v9 in SearchClient.query",
        ),
    ),
    "checkout": (
        Flaw(
            title="Apply coupons in the customer's currency",
            message="TypeError: cannot read 'currency' of null in applyDiscount",
        ),
        Flaw(
            title="Reserve stock before the payment",
            message="DeadlockDetected: while locking stock_item in reserveStock",
        ),
    ),
    "payments": (
        Flaw(
            title="Round amounts once, at the end",
            message="InvalidAmount: 12.345 has more than two decimals in authorise",
        ),
        Flaw(
            title="Rotate the signing key",
            message="SignatureMismatch: key id k7 is unknown in verifyCallback",
        ),
    ),
    "shipping": (
        Flaw(
            title="Quote pick-up points",
            message="NullPointerException: pickupPoint is null in QuoteService.quote",
        ),
        Flaw(
            title="Validate postcodes per country",
            message="re.error: nothing to repeat at position 0 in validatePostcode",
        ),
    ),
}
