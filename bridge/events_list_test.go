package bridge

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// TestEventTypesAreThoseEmitted compares the list with the events in the code of this package and of inbound: neither has more than
// the other, and events emitted as signals are volatile.
func TestEventTypesAreThoseEmitted(t *testing.T) {
	emitted := map[string]bool{eventSessionState: false}
	for _, name := range stateEvents {
		emitted[name] = false
	}
	var files []string
	for _, dir := range []string{".", "inbound", "inbound/history", "outbox"} {
		found, err := filepath.Glob(filepath.Join(dir, "*.go"))
		if err != nil || len(found) == 0 {
			t.Fatalf("no files in %s: %v", dir, err)
		}
		files = append(files, found...)
	}
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(parsed, func(n ast.Node) bool {
			if name, volatile := emittedBy(n); name != "" {
				emitted[name] = volatile
			}
			return true
		})
	}
	listed := map[string]bool{}
	for _, e := range EventTypes() {
		if _, twice := listed[e.Name]; twice || !strings.HasSuffix(e.Summary, ".") || strings.Contains(e.Summary, "\n") {
			t.Errorf("%s is listed twice, or without a sentence", e.Name)
		}
		listed[e.Name] = e.Volatile
		if volatile, found := emitted[e.Name]; !found || volatile != e.Volatile {
			t.Errorf("%s: emitted %v, volatile %v", e.Name, found, volatile)
		}
	}
	for name := range emitted {
		if _, found := listed[name]; !found {
			t.Errorf("%s is missing", name)
		}
	}
}

// emittedBy returns the event type that a call, a record or a row contains as a literal.
func emittedBy(n ast.Node) (name string, volatile bool) {
	text := func(e ast.Expr) string {
		if lit, ok := e.(*ast.BasicLit); ok && lit.Kind == token.STRING {
			s, _ := strconv.Unquote(lit.Value)
			return s
		}
		return ""
	}
	switch n := n.(type) {
	case *ast.CallExpr:
		fn, ok := n.Fun.(*ast.SelectorExpr)
		if ok && fn.Sel.Name == "EmitAutomation" && len(n.Args) > 1 {
			return text(n.Args[1]), false
		}
		if !ok || len(n.Args) == 0 || !slices.Contains([]string{"Emit", "signal", "about", "chatChange", "call", "SignalAutomation"}, fn.Sel.Name) {
			return "", false
		}
		return text(n.Args[0]), fn.Sel.Name == "signal" || fn.Sel.Name == "SignalAutomation"
	case *ast.KeyValueExpr: // a row of the types of receipts
		key, ok := n.Key.(*ast.SelectorExpr)
		row, isRow := n.Value.(*ast.CompositeLit)
		if !ok || !isRow || !strings.HasPrefix(key.Sel.Name, "ReceiptType") {
			return "", false
		}
		return text(row.Elts[0]), false
	case *ast.CompositeLit:
		kind, ok := n.Type.(*ast.SelectorExpr)
		if !ok || kind.Sel.Name != "Record" && kind.Sel.Name != "Signal" {
			return "", false
		}
		for _, member := range n.Elts {
			if kv, ok := member.(*ast.KeyValueExpr); ok && kv.Key.(*ast.Ident).Name == "Type" {
				return text(kv.Value), kind.Sel.Name == "Signal"
			}
		}
	}
	return "", false
}
