"""Every setting is checked at the start, and an error names its variable."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from bot.settings import DEFAULT_DATABASE, Settings, SettingsError, read
from tests.bot.world import FakeClock

BOT, APP = "xoxb-" + "1" * 20, "xapp-" + "1" * 20
TOKENS = {"SLACK_BOT_TOKEN": BOT, "SLACK_APP_TOKEN": APP}


def test_nothing_set_gives_the_defaults() -> None:
    found = read({})
    assert found.database_url == DEFAULT_DATABASE == "sqlite+aiosqlite:///signoff.db"
    assert (found.host, found.port) == ("127.0.0.1", 8080)
    assert found.slack_api_url == "https://slack.com/api/"
    assert found.slack_bot_token is None
    assert found.webhook_token is None
    assert found.connectors == {}
    assert found.config.services == {}
    assert (found.clock_file, found.stop_at, found.policy_dir) == (None, None, None)


def test_an_empty_variable_is_an_unset_one() -> None:
    names = ("SLACK_BOT_TOKEN", "DATABASE_URL", "SIGNOFF_HOST", "SIGNOFF_PORT", "SHOP_URL")
    found = read(dict.fromkeys((*names, "SIGNOFF_CONFIG", "SIGNOFF_WEBHOOK_TOKEN"), ""))
    assert found == read({})


def test_what_is_set_is_taken(tmp_path: Path) -> None:
    env = {
        **TOKENS,
        "SLACK_API_URL": "http://127.0.0.1:5000/api",
        "SIGNOFF_PORT": "0",
        "SIGNOFF_HOST": "0.0.0.0",  # noqa: S104 - only read here, nothing listens
        "SIGNOFF_WEBHOOK_TOKEN": " spaced ",
        "SIGNOFF_POLICY_DIR": str(tmp_path),
        "SIGNOFF_CLOCK_FILE": str(tmp_path / "not yet there.json"),
        "PROMETHEUS_URL": "http://127.0.0.1:9090",
        "SHOP_URL": "http://127.0.0.1:9091",
        "SHOP_TOKEN": "shop-token",
    }
    found = read(env)
    assert found.slack_api_url == "http://127.0.0.1:5000/api/"
    assert found.port == 0
    assert found.webhook_token is not None
    assert found.webhook_token.get_secret_value() == "spaced"
    assert set(found.connectors) == {"prometheus", "shop"}
    built = found.build(FakeClock(datetime.now(UTC)))
    assert [part.name for part in built] == ["prometheus", "shop"]
    assert set(found.secrets()) == {BOT, APP, "spaced", "shop-token"}


def test_other_programs_secrets_in_the_environment_are_kept_out_of_texts_too() -> None:
    env = {
        "ANTHROPIC_API_KEY": "made-up-model-key",
        "PGPASSWORD": "battery staple 7",
        "CI_JOB_TOKEN": "disabled",
        "SSL_KEY": "/etc/ssl/private/site.pem",
        "SIGNOFF_LEDGER_KEY": "somewhere/ledger.key",
        "EDITOR": "a-fine-editor",
    }
    found = read(env)
    assert set(found.secrets()) == {"made-up-model-key", "battery staple 7"}
    assert "made-up-model-key" not in repr(found)
    assert found.redactor().text("said made-up-model-key!") == "said [redacted]!"


def test_no_secret_is_shown_by_printing_the_settings() -> None:
    found = read({**TOKENS, "SHOP_URL": "http://127.0.0.1:1", "SHOP_TOKEN": "shop-token"})
    assert BOT not in repr(found)
    assert APP not in repr(found)
    assert "shop-token" not in repr(found)


def test_either_way_into_slack_will_do() -> None:
    assert isinstance(read(TOKENS), Settings)
    assert isinstance(read({"SLACK_BOT_TOKEN": BOT, "SLACK_SIGNING_SECRET": "s"}), Settings)


@pytest.mark.parametrize(
    ("env", "names", "says"),
    [
        ({"SLACK_BOT_TOKEN": APP, "SLACK_APP_TOKEN": APP}, "SLACK_BOT_TOKEN", "`xoxb-`"),
        ({"SLACK_BOT_TOKEN": BOT, "SLACK_APP_TOKEN": BOT}, "SLACK_APP_TOKEN", "`xapp-`"),
        ({"SLACK_BOT_TOKEN": BOT}, "SLACK_APP_TOKEN", "SLACK_SIGNING_SECRET"),
        ({"SLACK_APP_TOKEN": APP}, "SLACK_BOT_TOKEN", "set it too"),
        ({"SLACK_SIGNING_SECRET": "s"}, "SLACK_BOT_TOKEN", "set it too"),
        ({"SLACK_API_URL": "http://slack.example/api/"}, "SLACK_API_URL", "https"),
        ({"SLACK_API_URL": "http://127.0.0.1.evil.example/"}, "SLACK_API_URL", "https"),
        ({"SLACK_API_URL": "http://localhost@evil.example/"}, "SLACK_API_URL", "https"),
        ({"SLACK_API_URL": "http://[half"}, "SLACK_API_URL", "https"),
        ({"SIGNOFF_PORT": "http"}, "SIGNOFF_PORT", "`http` is not a port"),
        ({"SIGNOFF_PORT": "65536"}, "SIGNOFF_PORT", "not a port"),
        ({"SIGNOFF_PORT": "-1"}, "SIGNOFF_PORT", "not a port"),
        ({"SIGNOFF_PORT": "1" * 5000}, "SIGNOFF_PORT", "not a port"),
        ({"SIGNOFF_CONFIG": "/nowhere/signoff.yaml"}, "SIGNOFF_CONFIG", "does not exist"),
        ({"SIGNOFF_POLICY_DIR": "/nowhere"}, "SIGNOFF_POLICY_DIR", "does not exist"),
        ({"SHOP_URL": "http://127.0.0.1:1"}, "SHOP_TOKEN", "missing, while SHOP_URL is set"),
        ({"SHOP_TOKEN": "t"}, "SHOP_URL", "missing, while SHOP_TOKEN is set"),
        ({"PROMETHEUS_LINK_URL": "http://127.0.0.1"}, "PROMETHEUS_URL", "missing, while"),
        ({"PROMETHEUS_URL": "prometheus"}, "PROMETHEUS_URL", "valid URL"),
        ({"ALERTMANAGER_URL": "ftp://127.0.0.1"}, "ALERTMANAGER_URL", "URL scheme"),
    ],
)
def test_an_error_names_its_variable(env: dict[str, str], names: str, says: str) -> None:
    with pytest.raises(SettingsError) as raised:
        read(env)
    message = str(raised.value)
    assert message.startswith(f"{names}: ")
    assert says in message


def test_an_error_does_not_show_a_secret() -> None:
    with pytest.raises(SettingsError) as raised:
        read({"SLACK_BOT_TOKEN": "xoxp-123456789012", "SLACK_APP_TOKEN": APP})
    assert "123456789012" not in str(raised.value)


def test_a_policy_folder_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "rules.yaml").write_text("rules: []", encoding="utf-8")
    with pytest.raises(SettingsError, match=r"^SIGNOFF_POLICY_DIR: .* is no folder"):
        read({"SIGNOFF_POLICY_DIR": str(tmp_path / "rules.yaml")})


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"services: [", "signoff.yaml:1: not YAML"),
        (b"groups:\n  oncall: {people: [U1]}\n", "signoff.yaml:2: groups.oncall.people"),
        (b"\xff\xfe", "is not UTF-8"),
        (
            b"digests: [{channel: C1, cron: '0 9 * * mon', zone: Europe/Atlantis}]",
            "digests.zone: `Europe/Atlantis` is no time zone",
        ),
        (b"digests: [{channel: C1, cron: '0 9 * * mon', zone: Europe}]", "`Europe` is no time"),
        (b"digests: [{channel: C1, cron: '0 9 * * mon', zone: ../../etc/hosts}]", "is no time"),
    ],
)
def test_a_wrong_file_is_named_with_its_variable(tmp_path: Path, content: bytes, says: str) -> None:
    (tmp_path / "signoff.yaml").write_bytes(content)
    with pytest.raises(SettingsError) as raised:
        read({"SIGNOFF_CONFIG": str(tmp_path / "signoff.yaml")})
    assert str(raised.value).startswith("SIGNOFF_CONFIG: ")
    assert says in str(raised.value)


def test_a_folder_in_the_place_of_the_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="SIGNOFF_CONFIG: can't read"):
        read({"SIGNOFF_CONFIG": str(tmp_path)})
