package metrics

import (
	"bytes"
	"math"
	"regexp"
	"strings"
	"testing"
	"time"

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
	doctest.CheckSection(t, "docs/reference/metrics.md", "metrics", table.String())
}

func TestDurations(t *testing.T) {
	families := []Family{{"a", Gauge, nil, "A."}, {"b_seconds", Histogram, []string{"y", "x"}, "B."}, {"c_seconds", Histogram, nil, "C."}}
	d := NewDurations(families)
	observe := d.Observer("b_seconds", "1", "2")
	observe(3 * time.Millisecond)
	observe(2 * time.Minute)
	var out strings.Builder
	if _, err := NewPage(families, d).WriteTo(&out); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"# HELP a A.\n# TYPE a gauge\n# HELP b_seconds B.\n# TYPE b_seconds histogram\n",
		`b_seconds_bucket{y="1",x="2",le="0.0025"} 0` + "\n" + `b_seconds_bucket{y="1",x="2",le="0.005"} 1` + "\n",
		`b_seconds_bucket{y="1",x="2",le="60"} 1` + "\n" + `b_seconds_bucket{y="1",x="2",le="+Inf"} 2` + "\n",
		`b_seconds_sum{y="1",x="2"} 120.003` + "\n" + `b_seconds_count{y="1",x="2"} 2` + "\n# HELP c_seconds C.\n",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no\n%s\nin\n%s", want, out.String())
		}
	}
	for _, wrong := range []func(){func() { d.Observer("a") }, func() { d.Observer("b_seconds", "1") }, func() { NewPage(families).Add("c_seconds", 1) }} {
		func() {
			defer func() {
				if recover() == nil {
					t.Error("took what is not in the table")
				}
			}()
			wrong()
		}()
	}
	// An observation is part of every call and append: no allocation.
	if n := testing.AllocsPerRun(100, func() { observe(time.Second) }); n > 0 {
		t.Errorf("an observation takes %v allocations", n)
	}
}

func BenchmarkObserve(b *testing.B) {
	observe := NewDurations(Families).Observer("waystation_call_duration_seconds", "message")
	b.ReportAllocs()
	for b.Loop() {
		observe(5 * time.Millisecond)
	}
}
