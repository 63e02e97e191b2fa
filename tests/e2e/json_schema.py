"""As much of JSON Schema (draft 2020-12) as the API's own document uses; a keyword beyond that is an error, not ignored."""

import re

KINDS = {"object": dict, "array": list, "string": str, "null": type(None), "boolean": bool, "integer": int, "number": (int, float)}
KNOWN = {"type", "required", "properties", "additionalProperties", "items", "enum", "description", "format", "minimum", "maxLength", "$ref"}


def is_of(value, kind):
    if isinstance(value, bool):
        return kind == "boolean"
    return isinstance(value, KINDS[kind])


def problems(value, schema, document, where="$"):
    """What is wrong with `value`, as a list of sentences."""
    if unknown := set(schema) - KNOWN:
        raise ValueError(f"{where}: keywords {unknown} are not known here")
    if "$ref" in schema:
        return problems(value, resolve(schema["$ref"], document), document, where)
    found = []
    kinds = schema.get("type", [])
    kinds = [kinds] if isinstance(kinds, str) else kinds
    if kinds and not any(is_of(value, kind) for kind in kinds):
        return [f"{where}: {value!r} is not {' or '.join(kinds)}"]
    if "enum" in schema and value not in schema["enum"]:
        found.append(f"{where}: {value!r} is not one of {schema['enum']}")
    if isinstance(value, dict):
        found += object_problems(value, schema, document, where)
    if isinstance(value, list) and "items" in schema:
        for index, item in enumerate(value):
            found += problems(item, schema["items"], document, f"{where}[{index}]")
    if isinstance(value, str):
        if len(value) > schema.get("maxLength", len(value)):
            found.append(f"{where}: longer than {schema['maxLength']}")
        if schema.get("format") == "date-time" and not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", value):
            found.append(f"{where}: {value!r} is not a time")
    if is_of(value, "number") and value < schema.get("minimum", value):
        found.append(f"{where}: {value} is less than {schema['minimum']}")
    return found


def object_problems(value, schema, document, where):
    found = [f"{where}: {name!r} is missing" for name in schema.get("required", []) if name not in value]
    properties, more = schema.get("properties", {}), schema.get("additionalProperties", True)
    for name, member in value.items():
        if name in properties:
            found += problems(member, properties[name], document, f"{where}.{name}")
        elif more is False:
            found.append(f"{where}: {name!r} is not known")
        elif isinstance(more, dict):
            found += problems(member, more, document, f"{where}.{name}")
    return found


def resolve(reference, document):
    node = document
    for step in reference.removeprefix("#/").split("/"):
        node = node[step]
    return node
