"""The catalogue: which tools can be called now."""

from collections.abc import Sequence

import pytest

from tests.fakes.system import FakeConnector, FakeSystem, FakeTool
from tools.base import AnyTool
from tools.catalogue import Catalogue, UnknownTool, connector_types


class FakeTwin(FakeConnector):
    """Another connector with a tool of the same name."""

    name = "twin"

    def tools(self) -> Sequence[AnyTool]:
        return (FakeTool(FakeSystem()),)


def test_a_tool_is_found_under_its_name_and_kind() -> None:
    catalogue = Catalogue([FakeConnector()])
    assert catalogue.reading("fake_read").name == "fake_read"
    assert catalogue.writing("fake_set").name == "fake_set"
    assert catalogue.writing("fake_set", 1).version == 1
    assert catalogue.system("fake_set") == "fake"
    assert [tool.name for tool in catalogue.writers()] == ["fake_set"]
    assert "fake_read" in catalogue
    assert "fake_gone" not in catalogue


def test_a_writing_tool_cannot_be_had_as_a_reading_one_nor_the_other_way_round() -> None:
    catalogue = Catalogue([FakeConnector()])
    with pytest.raises(UnknownTool):
        catalogue.reading("fake_set")
    with pytest.raises(UnknownTool):
        catalogue.writing("fake_read")


def test_another_version_than_the_signed_one_is_not_offered() -> None:
    with pytest.raises(UnknownTool, match="version 1 now, not 2"):
        Catalogue([FakeConnector()]).writing("fake_set", 2)


def test_two_tools_of_one_name_are_refused() -> None:
    with pytest.raises(ValueError, match="two tools are named `fake_set`"):
        Catalogue([FakeConnector(), FakeTwin()])


def test_an_empty_catalogue_offers_nothing() -> None:
    catalogue = Catalogue([])
    assert catalogue.writers() == []
    with pytest.raises(UnknownTool, match="`shop_rollback`"):
        catalogue.writing("shop_rollback")


async def test_closing_it_closes_every_connector() -> None:
    parts = [FakeConnector()]
    await Catalogue(parts).close()
    assert [part.is_closed for part in parts] == [True]


def test_connectors_are_found_in_their_folder_by_name() -> None:
    names = [kind.name for kind in connector_types()]
    assert names == sorted(names)
    assert {"adplatform", "alertmanager", "prometheus", "shop"} <= set(names)
