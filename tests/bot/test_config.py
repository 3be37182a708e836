"""`signoff.yaml` is read strictly; an error names file, line and field."""

import pytest

from bot.config import ConfigError, read_config
from policies.model import Mode

WHOLE = """
services:
  checkout:
    depends_on: [payments]
    environments:
      staging:
        channel: C1
        owners: oncall
        signals: {errors: "sum(rate(x[5m]))"}
        limits: {errors: 0.05, latency: 1}
      production: {channel: C2}
  payments:
    environments: {staging: {channel: C3}}
groups:
  oncall: {usergroup: S0ONCALL}
  operators: {users: [U1, U2]}
defaults: {channel: C9}
digests:
  - {channel: C1, cron: "0 9 * * mon", zone: Europe/Berlin}
mode: approve
modes: {production: observe}
"""


def test_a_whole_file_is_read() -> None:
    found = read_config(WHOLE, "signoff.yaml")
    assert found.environments == ("production", "staging")
    assert found.channel("checkout", "staging") == "C1"
    assert found.channel("checkout", "production") == "C2"
    assert found.service_map.dependencies("checkout", "staging") == ("payments",)
    assert found.service_map.dependencies("checkout", "production") == ()
    assert found.services["checkout"].environments["staging"].limits == {
        "errors": 0.05,
        "latency": 1.0,
    }
    assert found.groups["operators"].users == ("U1", "U2")
    assert found.modes == {"production": Mode.OBSERVE}
    assert found.digests[0].zone == "Europe/Berlin"


@pytest.mark.parametrize(("service", "place"), [("nobody", "staging"), (None, "x")])
def test_what_nobody_named_goes_to_the_default_channel(service: str | None, place: str) -> None:
    assert read_config(WHOLE, "signoff.yaml").channel(service, place) == "C9"
    assert read_config("", "signoff.yaml").channel(service, place) is None


@pytest.mark.parametrize(
    ("text", "line", "where"),
    [
        ("- services\n", 1, ""),
        ("services: {}\nservice: {}\n", 2, "service: Extra inputs"),
        ("services:\n  a:\n    depends_on: []\n", 2, "services.a.environments: Field required"),
        ("services:\n  a:\n    environments: {}\n", 3, "services.a.environments: "),
        (
            "services:\n  a:\n    environments:\n      staging:\n        chanel: C1\n",
            4,
            "services.a.environments.staging.channel: Field required",
        ),
        ("groups:\n  oncall: {usergroup: oncall}\n", 2, "groups.oncall.usergroup: "),
        ("groups:\n\n  oncall: {}\n", 3, "groups.oncall: write `usergroup` or `users`"),
        ("groups:\n  a: {users: [U1], usergroup: S1}\n", 2, "groups.a: write `usergroup` or"),
        ("groups:\n  a: {users: []}\n", 2, "groups.a.users: "),
        ("mode: careful\n", 1, "mode: Input should be"),
        ("mode: approve\nmode: auto\n", 2, ""),
        ("mode: on\n", 1, ""),
        ("mode: &m approve\n", 1, "anchors"),
        ("mode: !!str approve\n", 1, "tags"),
        ("a: b: c\n", 1, "not YAML"),
        ("defaults:\n\tchannel: C1\n", 2, "not YAML"),
        ("digests:\n  - {channel: C1}\n", 2, "digests.0.cron: Field required"),
    ],
)
def test_an_error_names_file_line_and_field(text: str, line: int, where: str) -> None:
    with pytest.raises(ConfigError) as raised:
        read_config(text, "signoff.yaml")
    assert str(raised.value).startswith(f"signoff.yaml:{line}: ")
    assert where in str(raised.value)
