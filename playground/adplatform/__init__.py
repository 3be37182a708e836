"""A small ad platform: campaigns that spend and convert over the shared clock."""
