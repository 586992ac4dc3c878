"""The sample service, asked without a server."""

from pi_sample_service.service import Health, SampleService
from pi_server import Call


async def test_health_answers_the_configured_value() -> None:
    """The value of the field is the value of the answer."""
    assert await SampleService(my_simple_conf="green").health(Call()) == Health(my_simple_conf="green")


async def test_health_needs_no_configuration() -> None:
    """Without configuration the answer is ok."""
    assert await SampleService().health(Call()) == Health(my_simple_conf="ok")
