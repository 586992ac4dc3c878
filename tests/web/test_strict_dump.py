"""An answer is of its type, whatever anybody does with Python's warnings."""

import warnings
from typing import Any

import pytest
from pydantic import BaseModel

from pi_server.web.strict_dump import strict_dump


class Receipt(BaseModel):
    """What an operation promises."""

    amount: str


_AMOUNT: Any = 5
WRONG = Receipt.model_construct(amount=_AMOUNT)


@pytest.mark.parametrize("done", [lambda: None, warnings.resetwarnings, lambda: warnings.simplefilter("ignore")])
def test_what_is_not_of_its_type_is_an_error(done: object) -> None:
    """Also after a plugin has silenced warnings, or forgotten all filters."""
    dump = strict_dump(Receipt)
    with warnings.catch_warnings():
        assert callable(done)
        done()
        for _ in range(2):
            with pytest.raises(UserWarning, match="amount"):
                dump(WRONG)
            assert dump(Receipt(amount="5")) == b'{"amount":"5"}'
        assert len([f for f in warnings.filters if f[0] == "error" and f[3]]) == 1


def test_a_plugins_own_dumps_warn_as_ever() -> None:
    """The strictness is about answers only."""
    strict_dump(Receipt)
    with pytest.warns(UserWarning, match="Pydantic serializer warnings"):
        WRONG.model_dump_json()
