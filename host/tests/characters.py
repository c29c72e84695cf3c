"""What Hypothesis makes text of: what `st.text()` takes too, every character that UTF-8 has.

Which ones those are it finds by encoding all of Unicode, a million characters, which takes seconds in each fresh clone.
"""

from hypothesis import strategies as st

CHARACTERS = st.characters(exclude_categories=["Cs"])
