"""How hypothesis runs here: a busy machine is no failure."""

from hypothesis import settings

settings.register_profile("signoff", deadline=None)
settings.load_profile("signoff")
