import pytest
from channel_site import Ends


@pytest.fixture
def ends():
    return Ends
