"""Key delivery by ETSI GS QKD 014 v1.1.1: a key management entity for our simulated link, and a client for anybody's."""
