"""QCoT: sensor readings as evidence that outlives today's signatures."""

__version__ = "0.1.0"
