package server

import (
	"fmt"
	"reflect"

	"github.com/goccy/go-yaml/ast"
)

// validateNode reports everything in a part of a configuration file that doesn't fit t: unknown
// settings, and values of the wrong kind. The decoder would report only the first one, in terms
// of Go types. The messages contain no values, because one of them may be the database's
// password. setting is the name of the setting whose value node is.
func validateNode(setting string, node ast.Node, t reflect.Type) []error {
	switch n := node.(type) {
	case *ast.AnchorNode:
		return validateNode(setting, n.Value, t)
	case nil, *ast.NullNode, *ast.AliasNode, *ast.TagNode:
		return nil // empty, or left to the decoder
	}
	var want string
	var ok bool
	switch t.Kind() {
	case reflect.Struct:
		if m, isMap := node.(ast.MapNode); isMap {
			return validateMap(m, t)
		}
		want = "a list of named settings"
	case reflect.Slice:
		if list, isList := node.(*ast.SequenceNode); isList {
			return validateList(setting, list, t.Elem())
		}
		want = "a list"
		if t.Elem().Kind() == reflect.String {
			_, ok = node.(*ast.StringNode) // see listsOf
		}
	case reflect.Int:
		want = "a number"
		_, ok = node.(*ast.IntegerNode)
	case reflect.Bool:
		want = "true or false"
		_, ok = node.(*ast.BoolNode)
	default:
		want = "one value"
		_, ok = node.(ast.ScalarNode)
	}
	if ok {
		return nil
	}
	return []error{fmt.Errorf("line %d: %s must be %s", line(node), setting, want)}
}

func validateList(setting string, list *ast.SequenceNode, t reflect.Type) (faults []error) {
	for _, v := range list.Values {
		faults = append(faults, validateNode(setting, v, t)...)
	}
	return faults
}

func validateMap(m ast.MapNode, t reflect.Type) (faults []error) {
	known := map[string]reflect.Type{"<<": t} // YAML's merge key
	for f := range t.Fields() {
		if key := f.Tag.Get("yaml"); key != "" {
			known[key] = f.Type
		}
	}
	for entry := m.MapRange(); entry.Next(); {
		key := entry.Key().GetToken()
		setting, ok := known[key.Value]
		if !ok {
			faults = append(faults, fmt.Errorf("line %d: unknown setting %q", key.Position.Line, key.Value))
			continue
		}
		faults = append(faults, validateNode(key.Value, entry.Value(), setting)...)
	}
	return faults
}

func line(node ast.Node) int { return node.GetToken().Position.Line }
