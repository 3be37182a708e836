"""Tests of the ad platform."""
