"""The `signoff.yaml` of the demo: the shop's services, the workspace's channels and groups."""

import yaml

from playground.shop.flaws import DEPENDS_ON, ENVIRONMENTS
from playground.shop.promql import error_ratio

ALLOWED_LATENCY_S = 2.0


def signoff_yaml(base: str, window: str) -> str:
    """Return the file's text; `window` is the range of its queries, like `1m`."""
    services = {
        name: {
            "depends_on": list(calls),
            "environments": {
                environment: _place(base, name, environment, window) for environment in ENVIRONMENTS
            },
        }
        for name, calls in DEPENDS_ON.items()
    }
    return yaml.safe_dump(
        {
            "services": services,
            "groups": {
                "oncall": {"usergroup": "S0ONCALL"},
                "marketing": {"usergroup": "S0MARKETING"},
                "operators": {"usergroup": "S0OPERATORS"},
                # Not Ana: she is the only operator, who reviews it.
                "break-glass": {"users": ["U0MIA"]},
            },
            "defaults": {"channel": "C0OPERATIONS"},
            "anchor": {"channel": "C0OPERATIONS"},
            "digests": [{"channel": "C0MARKETING", "cron": "0 9 * * mon", "zone": "Europe/Berlin"}],
        },
        sort_keys=False,
    )


# Visitors meet the shop there, in both environments: the demo breaks things in staging.
LANDING_PAGES = {"web": ("https://shop.example/",)}


def _place(base: str, service: str, environment: str, window: str) -> dict[str, object]:
    where = f'service="{service}",environment="{environment}"'
    latency = (
        "histogram_quantile(0.95, sum by (le) "
        f"(rate(http_request_duration_seconds_bucket{{{where}}}[{window}])))"
    )
    return {
        "channel": "C0INCIDENTS",
        "owners": "oncall",
        "runbook": f"{base}/world/runbooks/HighErrorRatio",
        "dashboard": f"{base}/world/graphs?service={service}&environment={environment}",
        "signals": {"errors": error_ratio(service, environment, window), "latency": latency},
        "limits": {"errors": 0.05, "latency": ALLOWED_LATENCY_S},
        "landing_pages": list(LANDING_PAGES.get(service, ())),
    }
