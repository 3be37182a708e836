"""The tests: fakes of ports and real local servers, no mocks."""
