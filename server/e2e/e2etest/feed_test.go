package e2etest

import "testing"

func TestDifferences(t *testing.T) {
	got := map[string]any{"a": 1.0, "b": []any{map[string]any{"c": "x", "d": nil}}, "e": nil}
	for _, c := range []struct {
		want  Object
		count int
	}{
		{Object{}, 0},
		{Object{"a": 1, "b": []Object{{"c": "x"}}, "e": nil}, 0},
		{Object{"a": 2}, 1},
		{Object{"b": []Object{}}, 1},
		{Object{"b": []Object{{"c": "y", "d": 1}}}, 2},
		{Object{"a": Object{"x": 1}}, 1},
		{Object{"z": "here"}, 1},
	} {
		if found := ListDifferences(c.want, got); len(found) != c.count {
			t.Errorf("%v: %v", c.want, found)
		}
	}
}
