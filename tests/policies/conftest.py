"""How hypothesis runs here: a busy machine is no failure."""

from hypothesis import settings

settings.register_profile("signoff", deadline=None)
# For `make properties`.
settings.register_profile("thorough", deadline=None, max_examples=3000)
settings.load_profile("signoff")
