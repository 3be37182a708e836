"""How hypothesis runs here, as in tests/policies."""

from hypothesis import settings

settings.register_profile("signoff", deadline=None)
settings.load_profile("signoff")
