import dataclasses, typing, enum
@dataclasses.dataclass
class P:
    x: int
    y: typing.List[int] = dataclasses.field(default_factory=list)
class Color(enum.Enum):
    RED = 1
print(P(1), Color.RED, Color(1), typing.get_type_hints(P), dataclasses.asdict(P(2)))
print(typing.NamedTuple("N", [("a", int)])(1), P.__module__)
