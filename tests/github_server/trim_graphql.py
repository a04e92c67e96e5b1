"""Make `schema.graphql`: GitHub's own schema of its GraphQL API, cut down to what the test server serves.

The source is the npm package `@octokit/graphql-schema` (MIT), file `schema.graphql`:

    npm pack @octokit/graphql-schema && tar xf octokit-graphql-schema-*.tgz
    python -m tests.github_server.trim_graphql package/schema.graphql

Kept: the fields below and every type that they reach. Dropped: prose, and interfaces of which not all is kept. Nothing else
is changed.
"""

import argparse
from pathlib import Path

from graphql import (
    DocumentNode,
    InterfaceTypeDefinitionNode,
    Node,
    ObjectTypeDefinitionNode,
    Visitor,
    parse,
    print_ast,
    visit,
)
from graphql.language import FieldDefinitionNode, NamedTypeNode, StringValueNode
from graphql.language.ast import TypeDefinitionNode

SCHEMA = Path(__file__).with_name("schema.graphql")
ORIGIN = "npm package @octokit/graphql-schema, trimmed by tests/github_server/trim_graphql.py"
ROOTS = ("Mutation", "Query")
FIELDS = {
    "Mutation": frozenset({"updateRefs"}),
    "Query": frozenset({"id", "viewer"}),
    "User": frozenset({"login"}),
}


def trim(source: str) -> str:
    """The part of a schema that `FIELDS` reach.

    Raises:
        KeyError: a field of `FIELDS` is not in the schema.
    """
    types = {
        definition.name.value: visit(definition, _Prose())
        for definition in parse(source).definitions
        if isinstance(definition, TypeDefinitionNode)
    }
    for name, fields in FIELDS.items():
        root = types[name]
        assert isinstance(root, ObjectTypeDefinitionNode)
        root.fields = tuple(field for field in root.fields if field.name.value in fields)
        if missing := fields - {field.name.value for field in root.fields}:
            raise KeyError(f"not in the source: {', '.join(sorted(missing))}")
        root.interfaces = tuple(part for part in root.interfaces if _fields(types[part.name.value]) <= fields)
    kept: dict[str, TypeDefinitionNode] = {}
    waiting = set(ROOTS)
    while waiting:
        name = waiting.pop()
        if name in types and name not in kept:
            kept[name] = types[name]
            waiting |= _named(types[name])
    return print_ast(DocumentNode(definitions=tuple(kept[name] for name in sorted(kept))))


class _Prose(Visitor):
    """Takes out descriptions, and directives that say who at GitHub owns a field."""

    def enter(self, node: Node, *_: object) -> None:
        if isinstance(getattr(node, "description", None), StringValueNode):
            node.description = None
        if isinstance(node, FieldDefinitionNode | TypeDefinitionNode):
            node.directives = ()


def _fields(interface: TypeDefinitionNode) -> set[str]:
    assert isinstance(interface, InterfaceTypeDefinitionNode)
    return {field.name.value for field in interface.fields}


def _named(node: Node) -> set[str]:
    found: set[str] = set()

    class Names(Visitor):
        def enter_named_type(self, inner: NamedTypeNode, *_: object) -> None:
            found.add(inner.name.value)

    visit(node, Names())
    return found


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", type=Path, help="schema.graphql of @octokit/graphql-schema")
    source = parser.parse_args().source
    # Its licence asks to go with every copy.
    licence = (source.parent / "LICENSE.md").read_text(encoding="utf-8")
    head = "".join(f"# {line}".rstrip() + "\n" for line in [ORIGIN, "", *licence.splitlines()])
    SCHEMA.write_text(f"{head}\n{trim(source.read_text(encoding='utf-8'))}\n", encoding="utf-8")
