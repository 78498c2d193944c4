package server

import (
	"fmt"
	"reflect"

	"github.com/goccy/go-yaml/ast"
)

// misfits tells of everything in a configuration file that has no place in t: keys that
// nobody knows, and values of another kind than their setting's. The decoder would tell
// of the first only, in the words of Go. What it tells has no values in it: one of them
// may be the database's password. What is the name of the setting.
func misfits(what string, node ast.Node, t reflect.Type) []error {
	switch n := node.(type) {
	case *ast.AnchorNode:
		return misfits(what, n.Value, t)
	case nil, *ast.NullNode, *ast.AliasNode, *ast.TagNode:
		return nil // nothing, or for the decoder to judge
	}
	var want string
	var ok bool
	switch t.Kind() {
	case reflect.Struct:
		if m, isMap := node.(ast.MapNode); isMap {
			return misfitsOfMap(m, t)
		}
		want = "a list of named settings"
	case reflect.Slice:
		if list, isList := node.(*ast.SequenceNode); isList {
			return misfitsOfList(what, list, t.Elem())
		}
		want = "a list"
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
	return []error{fmt.Errorf("line %d: %s must be %s", line(node), what, want)}
}

func misfitsOfList(what string, list *ast.SequenceNode, t reflect.Type) (faults []error) {
	for _, v := range list.Values {
		faults = append(faults, misfits(what, v, t)...)
	}
	return faults
}

func misfitsOfMap(m ast.MapNode, t reflect.Type) (faults []error) {
	known := map[string]reflect.Type{"<<": t} // the key of YAML's merges
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
		faults = append(faults, misfits(key.Value, entry.Value(), setting)...)
	}
	return faults
}

func line(node ast.Node) int { return node.GetToken().Position.Line }
