"""Landing pages: which addresses they may be, which campaigns lead there, and what breaks them."""

import pytest
from pydantic import ValidationError

from agents.incident.evidence import leads, questions
from agents.services import Place, Service, ServiceMap, leads_to
from tests.agents.evidence import Gathered, services, task

PAGE = "https://shop.example/sale"
OTHER = "https://shop.example/hats"


@pytest.mark.parametrize(
    ("url", "is_there"),
    [
        ("https://shop.example/sale", True),
        ("https://shop.example/sale/", True),
        ("https://SHOP.example/sale?utm_source=x#top", True),
        ("http://shop.example/sale/boots", True),
        ("https://shop.example:443/sale", True),
        ("http://shop.example:80/sale", True),
        ("https://shop.example./%73ale", True),
        ("https://shop.example:80/sale", False),
        ("https://shop.example/sales", False),
        ("https://shop.example/", False),
        ("https://shop.example.evil.example/sale", False),
        ("https://shop.example@evil.example/sale", False),
        ("https://shop.example:8443/sale", False),
        ("ftp://shop.example/sale", False),
        ("https://[broken/sale", False),
        ("https://shop.example:99999/sale", False),
        ("", False),
    ],
)
def test_a_campaign_leads_to_a_page_or_below_it(url: str, is_there: bool) -> None:
    assert leads_to(url, PAGE) is is_there


def test_a_site_s_root_is_the_page_of_all_that_lie_below() -> None:
    assert leads_to("https://shop.example/a/b", "https://shop.example/")
    assert leads_to("https://shop.example", "https://shop.example/")


def test_a_page_that_an_alert_names_is_looked_for_without_a_service() -> None:
    about = task("probe", landing_page=f"{PAGE}?probe=1")
    (asked,) = questions(about, services())
    assert (asked.label, asked.tool) == ("campaigns", "adplatform_campaigns")
    rows = [
        {"id": f"c{number}", "name": name, "effective_status": "ACTIVE", "url": url}
        for number, (name, url) in enumerate((("Boots", f"{PAGE}/boots"), ("Hats", OTHER)))
    ]
    evidence = Gathered().add(asked.label, asked.tool, {}, rows).all
    assert [lead.name for lead in leads(about, services(), evidence)] == ["Boots"]
    assert questions(task("probe"), services()) == []
    assert leads(task("probe"), services(), evidence) == ()


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("http://shop.example/", "write the address of a page"),
        ("shop.example", "write the address of a page"),
        ("https:///sale", "write the address of a page"),
        ("https://ana:secret@shop.example/", "no credentials"),
        ("https://shop.example/?a=1", "leave out"),
        ("https://shop.example/#top", "leave out"),
    ],
)
def test_a_landing_page_that_can_not_be_one_is_refused(url: str, told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        Place(channel="C1", landing_pages=(url,))


def test_a_page_breaks_with_whatever_its_service_calls() -> None:
    def service(*calls: str, pages: tuple[str, ...] = ()) -> Service:
        places = {
            "production": Place(channel="C1", landing_pages=pages),
            "staging": Place(channel="C1"),
        }
        return Service(depends_on=calls, environments=places)

    found = ServiceMap(
        services={
            "web": service("checkout", pages=(PAGE,)),
            "checkout": service("payments", "web"),
            "payments": service(),
            "billing": service("payments", pages=("https://pay.example/",)),
        }
    )
    both = {PAGE, "https://pay.example/"}
    assert set(found.landing_pages("payments", "production")) == both
    assert found.landing_pages("web", "production") == (PAGE,)
    assert found.landing_pages("billing", "production") == ("https://pay.example/",)
    assert found.landing_pages("payments", "staging") == ()
    assert found.landing_pages("nobody", "production") == ()
