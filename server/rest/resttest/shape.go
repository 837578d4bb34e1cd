package resttest

import (
	"maps"
	"slices"
	"strings"
)

// shape is the tree of a response's documented keys.
type shape struct {
	path     string
	typ      Type
	children map[string]*shape // keys of an object
	every    *shape            // each value of a map
	item     *shape            // each item of an array
}

// shapeOf builds the tree. A key between two documented ones is of the kind its children make it.
func shapeOf(fields map[string]Type) *shape {
	root := &shape{}
	for _, path := range slices.Sorted(maps.Keys(fields)) {
		at := root
		for step := range strings.SplitSeq(path, ".") {
			key := strings.TrimRight(step, "[]")
			if key != "" {
				at = at.childShape(key)
			}
			for range (len(step) - len(key)) / 2 {
				at = at.itemShape()
			}
		}
		at.typ = fields[path]
	}
	return root
}

func (s *shape) childShape(key string) *shape {
	if key == "*" {
		if s.every == nil {
			s.every = &shape{path: joinPath(s.path, key)}
			s.implyKind("map")
		}
		return s.every
	}
	next := s.children[key]
	if next == nil {
		next = &shape{path: joinPath(s.path, key)}
		if s.children == nil {
			s.children = map[string]*shape{}
		}
		s.children[key] = next
		s.implyKind("object")
	}
	return next
}

func (s *shape) itemShape() *shape {
	if s.item == nil {
		s.item = &shape{path: s.path + "[]"}
		s.implyKind("array")
	}
	return s.item
}

func (s *shape) implyKind(kind string) {
	if len(s.typ.Kinds) == 0 {
		s.typ.Kinds = []string{kind}
	}
}

// eachLeaf are the paths of the tree that must have been seen for an answer to count as compared.
func (s *shape) eachLeaf(found func(path string)) {
	if s.typ.Optional {
		return
	}
	if len(s.children) == 0 && s.every == nil && s.item == nil {
		found(s.path)
	}
	for _, child := range s.children {
		child.eachLeaf(found)
	}
	if s.every != nil {
		s.every.eachLeaf(found)
	}
	if s.item != nil {
		s.item.eachLeaf(found)
	}
}

func joinPath(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}
