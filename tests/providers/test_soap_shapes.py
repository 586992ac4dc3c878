"""WSDLs of other shapes: RPC style, lists, nested types, attributes, one-way operations."""

from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, cast

import pytest
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, computed_field, create_model

from pi_server import SoapMessage
from pi_server.domain.faults import ProviderFault
from pi_server.domain.message import Message, WireResponse
from pi_server.providers.soap.codec import SoapCodec
from tests.providers.bank import soap_codec

WSDL = """<definitions targetNamespace="urn:shop" xmlns="http://schemas.xmlsoap.org/wsdl/" xmlns:s="urn:shop"
  xmlns:soap="http://schemas.xmlsoap.org/wsdl/soap/" xmlns:x="http://www.w3.org/2001/XMLSchema">
<types><x:schema targetNamespace="urn:shop" elementFormDefault="qualified">
  <x:complexType name="Line"><x:sequence>
    <x:element name="sku" type="x:string"/><x:element name="price" type="x:decimal" minOccurs="0"/>
    <x:element name="part" type="s:Line" minOccurs="0" maxOccurs="unbounded"/>
    <x:element name="weight" type="s:Weight" minOccurs="0"/>
    <x:choice minOccurs="0"><x:element name="crate" type="x:int"/><x:element name="box" type="x:int"/></x:choice>
  </x:sequence><x:attribute name="unit" type="x:string"/></x:complexType>
  <x:complexType name="Weight"><x:simpleContent><x:extension base="x:decimal">
    <x:attribute name="of" type="x:string" use="required"/>
  </x:extension></x:simpleContent></x:complexType>
  <x:element name="order"><x:complexType><x:sequence>
    <x:element name="line" type="s:Line" maxOccurs="unbounded"/>
  </x:sequence></x:complexType></x:element>
  <x:element name="ordered"><x:complexType><x:sequence>
    <x:element name="line" type="s:Line" minOccurs="0" maxOccurs="unbounded"/>
  </x:sequence></x:complexType></x:element>
  <x:element name="count"><x:complexType/></x:element>
  <x:element name="counted" type="x:int"/>
</x:schema></types>
<message name="order"><part name="p" element="s:order"/></message>
<message name="ordered"><part name="p" element="s:ordered"/></message>
<message name="count"><part name="p" element="s:count"/></message>
<message name="counted"><part name="p" element="s:counted"/></message>
<message name="add"><part name="left" type="x:int"/><part name="right" type="x:int"/></message>
<message name="added"><part name="sum" type="x:int"/></message>
<portType name="Shop">
  <operation name="order"><input message="s:order"/><output message="s:ordered"/></operation>
  <operation name="count"><input message="s:count"/><output message="s:counted"/></operation>
  <operation name="tell"><input message="s:order"/></operation>
  <operation name="add"><input message="s:add"/><output message="s:added"/></operation>
</portType>
<binding name="Shop" type="s:Shop"><soap:binding transport="http://schemas.xmlsoap.org/soap/http"/>
  <operation name="order"><soap:operation/><input><soap:body use="literal"/></input>
    <output><soap:body use="literal"/></output></operation>
  <operation name="count"><soap:operation/><input><soap:body use="literal"/></input>
    <output><soap:body use="literal"/></output></operation>
  <operation name="tell"><soap:operation soapAction="tell"/><input><soap:body use="literal"/></input></operation>
  <operation name="add"><soap:operation style="rpc"/><input><soap:body use="literal" namespace="urn:shop"/></input>
    <output><soap:body use="literal" namespace="urn:shop"/></output></operation>
</binding>
<service name="Shop"><port name="Shop" binding="s:Shop"><soap:address location="http://shop.invalid"/></port></service>
</definitions>"""


class Weight(BaseModel):
    """A number with an attribute."""

    model_config = ConfigDict(populate_by_name=True)

    number: Annotated[Decimal, Field(alias="_value_1")]
    of: str


class Line(BaseModel):
    """A line of an order."""

    sku: str
    price: Decimal | None = None
    part: list["Line"] = Field(default_factory=list["Line"])
    unit: str | None = None
    weight: Weight | None = None
    box: int | None = None


class Ordered(BaseModel):
    """What the shop answers."""

    line: list[Line]


class Order(SoapMessage[Ordered], operation="order"):
    """An order."""

    line: list[Line]


class Counted(BaseModel):
    """A reply that is one value, by the name of its element."""

    counted: int


class Count(SoapMessage[Counted], operation="count"):
    """A message without fields."""


class Nothing(BaseModel):
    """No reply."""


class Tell(SoapMessage[Nothing], operation="tell"):
    """A message without answer."""

    line: list[Line]


class Sum(BaseModel):
    """What RPC answers."""

    sum: int


class Add(SoapMessage[Sum], operation="add"):
    """An RPC call."""

    left: int
    right: int


PARTS = [Line(sku="b"), Line(sku="")]
LINES = [
    Line(sku="a", price=Decimal("1.10"), unit="kg", part=PARTS),
    Line(sku="c", weight=Weight(number=Decimal("2.50"), of="net"), box=2),
]


@pytest.fixture
def shop(tmp_path: Path) -> SoapCodec:
    """The codec of the shop."""
    (tmp_path / "shop.wsdl").write_text(WSDL)
    return soap_codec(tmp_path / "shop.wsdl")


def _answer(codec: SoapCodec, body: bytes, status: int = 200) -> WireResponse:
    return WireResponse(status, (("Content-Type", codec.content_type),), body)


def test_every_shape_is_well_declared(shop: SoapCodec) -> None:
    """The check before the first call knows all of them."""
    for message in (Order, Count, Tell, Add):
        shop.check(message)


def _with(**fields: Any) -> type[BaseModel]:
    return create_model("Odd", **fields)


def _asking(line: Any, reply: type[BaseModel] = Ordered) -> type[Message[Any]]:
    base: Any = SoapMessage[reply]  # type: ignore[valid-type]
    made: Any = create_model("Ask", __base__=base, __cls_kwargs__={"operation": "order"}, line=line)
    return cast("type[Message[Any]]", made)


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (_with(sku=str, prise=int), "Odd: line has no 'prise' in the WSDL; did you mean 'price'"),
        (_with(price=int), "Odd: line demands 'sku' in the WSDL, and Odd has no such field"),
        (_with(sku=str, weight=_with(number=int)), "Odd: weight has no 'number' in the WSDL; it has: _value_1, of"),
        (_with(sku=str, weight=_with(of=str)), "Odd: weight demands '_value_1' in the WSDL"),
        (_with(sku=str, part=list[_with(skuu=str)] | None), "Odd: part has no 'skuu' in the WSDL; did you mean 'sku'"),  # type: ignore[misc]
    ],
)
def test_a_model_within_a_message_is_compared_too(shop: SoapCodec, line: type[BaseModel], told: str) -> None:
    """At any depth, in a list or beside None, before the first call."""
    with pytest.raises(ValueError, match=told):
        shop.check(_asking(list[line]))  # type: ignore[valid-type]


def test_what_a_model_computes_is_no_lack(shop: SoapCodec) -> None:
    """A name that no field has may be computed, or be given besides the fields."""

    class Priced(BaseModel):
        price: int

        @computed_field  # type: ignore[prop-decorator]
        @property
        def sku(self) -> str:
            return "of its price"

    shop.check(_asking(Priced))
    shop.check(_asking(create_model("Open", __config__=ConfigDict(extra="allow"), price=int)))


def test_a_model_within_a_reply_is_compared_too(shop: SoapCodec) -> None:
    """What it cannot do without has to be there, and no more; where the plugin reads for itself nobody can tell."""
    needed, spare = list[_with(stock=int)], list[_with(stock=(int, 0))]  # type: ignore[misc]
    with pytest.raises(ValueError, match="Odd: line has no 'stock' in the WSDL"):
        shop.check(_asking(list[Line], _with(line=needed)))
    shop.check(_asking(list[Line], _with(line=spare)))
    shop.check(_asking(list[Line], _with(line=Annotated[needed, BeforeValidator(list)])))


def test_lists_and_nested_types_come_back_as_they_were(shop: SoapCodec) -> None:
    """Lists, recursion, attributes and empty strings survive both directions."""
    name, fields = shop.decode_request(shop.encode(Order(line=LINES)).body)
    assert (name, Order.model_validate(fields).line) == ("order", LINES)
    body = shop.encode_reply("order", {"line": [line.model_dump(by_alias=True) for line in LINES]})
    assert shop.decode(Order(line=LINES), _answer(shop, body)).line == LINES


def test_a_list_of_nothing_is_a_list(shop: SoapCodec) -> None:
    """A repeated element that does not occur is an empty list, and one that occurs once has one item."""
    for lines in ([], [Line(sku="x")]):
        body = shop.encode_reply("order", {"line": [line.model_dump(by_alias=True) for line in lines]})
        assert shop.decode(Order(line=LINES), _answer(shop, body)).line == lines


def test_a_reply_of_one_value_has_the_name_of_its_element(shop: SoapCodec) -> None:
    """A body that is a number and not a structure fits a model with that one field."""
    assert shop.decode_request(shop.encode(Count()).body) == ("count", {})
    body = shop.encode(Count()).body.replace(b"count", b"counted").replace(b"/></soap", b">5</ns0:counted></soap")
    assert shop.decode(Count(), _answer(shop, body)).counted == 5


@pytest.mark.parametrize("status", [200, 202, 204])
def test_a_one_way_operation_expects_nothing(shop: SoapCodec, status: int) -> None:
    """An empty answer is the whole answer."""
    assert shop.decode(Tell(line=LINES), _answer(shop, b"", status)) == Nothing()


def test_rpc_style_comes_back_as_it_was(shop: SoapCodec) -> None:
    """Parts of RPC style are fields; the name of the reply's wrapper does not matter."""
    assert shop.decode_request(shop.encode(Add(left=2, right=3)).body) == ("add", {"left": 2, "right": 3})
    body = shop.encode_reply("add", {"sum": 5})
    assert shop.decode(Add(left=2, right=3), _answer(shop, body)).sum == 5
    with pytest.raises(ProviderFault):
        shop.decode(Add(left=2, right=3), _answer(shop, body.replace(b"sum", b"total")))


def test_what_the_wsdl_demands_and_the_message_lacks_is_refused(shop: SoapCodec) -> None:
    """An absent element that must occur is found when the message is written."""
    with pytest.raises(ValueError, match="line"):
        shop.encode(Order(line=[]))
