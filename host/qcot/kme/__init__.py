"""Key delivery by ETSI GS QKD 014 v1.1.1: a key server for our simulated link, and a client for anybody's."""
