package reference

import "encoding/json"

// Schema returns the JSON Schema (draft 2020-12) of the configuration, for
// editors. `schleuse check` knows more than a schema can say.
func Schema(keys []Key) ([]byte, error) {
	top := object(keys)
	top["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	top["title"] = "Configuration of Schleuse"
	out, err := json.MarshalIndent(top, "", "  ")
	return append(out, '\n'), err
}

type schema = map[string]any

func object(keys []Key) schema {
	properties := schema{}
	var required []string
	for _, k := range keys {
		properties[k.Name] = value(k)
		if k.Must {
			required = append(required, k.Name)
		}
	}
	out := schema{"type": "object", "additionalProperties": false, "properties": properties}
	if len(required) > 0 {
		out["required"] = required
	}
	return out
}

func value(k Key) schema {
	out := single(k)
	if k.Kind.List {
		out = schema{"type": "array", "items": out}
	}
	if k.Kind.Map {
		out = schema{"type": "object", "additionalProperties": out}
	}
	out["description"] = k.Meaning
	if k.Default != "" && !k.Kind.List && !k.Kind.Map {
		out["default"] = k.Default
		if k.Kind.Name == "number" {
			out["default"] = json.Number(k.Default)
		}
	}
	return out
}

func single(k Key) schema {
	switch k.Kind.Name {
	case "object":
		return object(k.Below)
	case "bool":
		return schema{"type": "boolean"}
	case "number":
		return schema{"type": "integer"}
	case "duration":
		return schema{"type": "string", "pattern": `^([0-9]+d)?([0-9]+h)?([0-9]+m)?([0-9]+s)?$`}
	case "url":
		return schema{"type": "string", "format": "uri"}
	case "date":
		return schema{"type": "string", "format": "date"}
	case "mode":
		return schema{"enum": []string{"enforce", "observe"}}
	case "risk":
		return schema{"enum": []string{"high", "low"}}
	case "settings":
		return schema{"type": "object"}
	case "step":
		names := schema{"type": "array", "items": schema{"type": "string"}, "minItems": 1}
		return schema{"oneOf": []schema{
			{"type": "string"},
			{"type": "object", "additionalProperties": false, "properties": schema{"any": names}, "required": []string{"any"}},
		}}
	default:
		return schema{"type": "string"}
	}
}
