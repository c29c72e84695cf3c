"""Power cuts by the thousand: a simulated board is forked at a cycle of its life, cut, and must still keep its word.

One life of a board (first boot, enrolment, configuration, sessions, key generation, signatures) goes on unharmed,
while at cycles drawn by lot, half of them within EEPROM writes, a fork of it loses its power. The fork is powered on
again and examined by the host's own code: what it says must fit what the world outside knew at the moment of the cut.
"""
