package metrics

import (
	"bytes"
	"math"
	"regexp"
	"strings"
	"testing"

	"github.com/waystation/waystation/docs/doctest"
)

func TestPage(t *testing.T) {
	p := NewPage([]Family{{"b_total", Counter, nil, "What\\ever\nit is."}, {"a", Gauge, []string{"x", "y"}, "A."}})
	p.Add("a", 1.5, "quote\" slash\\ line\n bad\xff", "")
	p.Add("a", math.Inf(1), "1", "2")
	p.Add("b_total", 1e15)
	var out strings.Builder
	if _, err := p.WriteTo(&out); err != nil {
		t.Fatal(err)
	}
	want := "# HELP b_total What\\\\ever\\nit is.\n# TYPE b_total counter\nb_total 1e+15\n# HELP a A.\n# TYPE a gauge\n" +
		`a{x="quote\" slash\\ line\n bad?",y=""} 1.5` + "\n" + `a{x="1",y="2"} +Inf` + "\n"
	if out.String() != want {
		t.Errorf("got\n%s\nwant\n%s", out.String(), want)
	}
	for _, add := range []func(){func() { p.Add("c", 1) }, func() { p.Add("a", 1, "x") }} {
		func() {
			defer func() {
				if recover() == nil {
					t.Error("took what is not in the table")
				}
			}()
			add()
		}()
	}
}

func TestFamilies(t *testing.T) {
	name, seen := regexp.MustCompile(`^[a-z][a-z0-9_]*$`), map[string]bool{}
	for _, f := range Families {
		if !name.MatchString(f.Name) || seen[f.Name] || f.Help == "" || (f.Kind == Counter) != strings.HasSuffix(f.Name, "_total") {
			t.Errorf("%+v", f)
		}
		seen[f.Name] = true
	}
}

// The page of metrics has every family.
func TestReferenceOfMetrics(t *testing.T) {
	var table bytes.Buffer
	WriteMarkdown(&table, Families)
	doctest.Section(t, "docs/reference/metrics.md", "metrics", table.String())
}
