package sandbox

import (
	"cmp"
	"context"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/types"

	"github.com/waystation/waystation/docs/doctest"
)

// messengerOnly is the answer to methods for Meta's other services, which the sandbox does not simulate.
const messengerOnly = "Messenger only"

// coveredMethod is one method of whatsmeow.Client that sends something to WhatsApp.
type coveredMethod struct {
	name   string
	stanza string
	serves string // JSON-RPC methods that need it, also those that send the stanza without the method
	own    string // bridge package that sends the stanza without the method
	canned string // reason of an answer without state; messengerOnly for those that are not answered
	check  func(c *coverage) error
}

// coverage is the network on which all methods are called once.
type coverage struct {
	*groupWorld
	shop           *Phone
	group          types.JID // of Alice, Bob and Carol
	community      types.JID // of Alice
	channel        types.JID // of Alice, which Bob follows
	post           whatsmeow.SendResponse
	passkeyStarted bool
	life           context.Context // of the whole test: connections end with it
}

// localMethods are the methods of whatsmeow.Client that send nothing.
var localMethods = strings.Fields(`AddEventHandler AddEventHandlerWithSuccessStatus BuildEdit BuildHistorySyncRequest BuildMessageKey BuildPollCreation
	BuildPollVote BuildReaction BuildRevoke BuildUnavailableMessageRequest DangerousInternals DecryptComment DecryptPollVote DecryptReaction
	DecryptSecretEncryptedMessage EncryptComment EncryptPollVote EncryptReaction GenerateMessageID IsConnected IsLoggedIn ParseWebMessage
	RemoveEventHandler RemoveEventHandlers SetForceActiveDeliveryReceipts SetMaxParallelRetryReceiptHandling SetMediaHTTPClient SetPreLoginHTTPClient
	SetProxy SetProxyAddress SetSOCKSProxy SetWebsocketHTTPClient StoreLIDPNMapping WaitForConnection`)

func coveredMethods() []coveredMethod {
	return slices.Concat(coveredSessions, coveredUsers, coveredMessages, coveredMedia, coveredGroups, coveredNewsletters)
}

// verify returns an error for a failed step of a check.
func verify(err error, ok bool, got ...any) error {
	if err == nil && !ok {
		err = fmt.Errorf("got %+v", got)
	}
	return err
}

// Every method of whatsmeow.Client that sends something is answered, and the answer depends on state.
func TestSandboxCoversWhatsmeow(t *testing.T) {
	c := &coverage{groupWorld: newGroupWorld(t, Options{}), life: t.Context()}
	var err error
	if c.shop, err = c.net.AddAccount(AccountOptions{Number: "15550009", PushName: "Shop", BusinessName: "The Shop"}); err != nil {
		t.Fatal(err)
	}
	c.group = c.groupWorld.group()
	if err = c.prepareNewsletter(); err != nil {
		t.Fatal(err)
	}
	for _, m := range coveredMethods() {
		if m.canned == messengerOnly {
			continue
		}
		t.Run(m.name, func(t *testing.T) {
			c.t, c.a.t, c.b.t = t, t, t
			if err := m.check(c); err != nil {
				t.Error(err)
			}
		})
	}
	c.t = t
	c.clean()
}

// The page lists exactly the methods that whatsmeow has, each once.
func TestReferenceOfSandboxCoverage(t *testing.T) {
	methods := coveredMethods()
	slices.SortFunc(methods, func(x, y coveredMethod) int { return cmp.Compare(x.name, y.name) })
	listed := map[string]bool{}
	for _, name := range localMethods {
		listed[name] = true
	}
	for _, m := range methods {
		if listed[m.name] {
			t.Errorf("%s is listed twice", m.name)
		}
		if listed[m.name] = true; m.check == nil && m.canned != messengerOnly {
			t.Errorf("%s is not called by a test", m.name)
		}
	}
	client := reflect.TypeFor[*whatsmeow.Client]()
	for i := range client.NumMethod() {
		name := client.Method(i).Name
		if !listed[name] {
			t.Errorf("whatsmeow.Client.%s is not listed: add it to the methods that send something, with a check, or to localMethods", name)
		}
		delete(listed, name)
	}
	for name := range listed {
		t.Errorf("whatsmeow.Client has no %s", name)
	}
	used, documented := usedMethods(t), documentedMethods(t)
	var page strings.Builder
	page.WriteString(coverageHead)
	fmt.Fprintf(&page, "%d methods of `whatsmeow.Client` send something. The test `TestSandboxCoversWhatsmeow` calls each of them and checks its effect.\n\n", len(methods))
	page.WriteString("| method | sends | answer | used in | for |\n|---|---|---|---|---|\n")
	for _, m := range methods {
		packages := used[m.name]
		if m.own != "" {
			if _, err := os.Stat(filepath.Join(doctest.RepositoryRoot(), filepath.FromSlash(m.own))); err != nil {
				t.Errorf("%s: %v", m.name, err)
			}
			packages = append(packages, m.own+" (without the method)")
		}
		var served []string
		for _, name := range strings.Fields(m.serves) {
			if !documented[name] {
				t.Errorf("%s serves %s, which is not documented", m.name, name)
			}
			namespace, _, _ := strings.Cut(name, ".")
			served = append(served, fmt.Sprintf("[%s](methods/%s.md#%s)", name, namespace, strings.ToLower(strings.ReplaceAll(name, ".", ""))))
		}
		fmt.Fprintf(&page, "| %s | %s | %s | %s | %s |\n", m.name, m.stanza, cmp.Or(m.canned, "state"), strings.Join(packages, ", "), strings.Join(served, ", "))
	}
	doctest.CheckFile(t, "docs/reference/sandbox-coverage.md", page.String())
}

const coverageHead = `# Coverage of the sandbox

Generated by ` + "`make docs`" + `. The table lists what whatsmeow can send to WhatsApp and how the [sandbox](../sandbox.md) answers. "state" is an answer
from state that the call reads or changes. Columns "used in" and "for" name the packages of this server that call the method and the methods of the
JSON-RPC interface that need it.

`

// documentedMethods are the names of the JSON-RPC methods that the reference has.
func documentedMethods(t *testing.T) map[string]bool {
	t.Helper()
	names := map[string]bool{}
	for _, page := range doctest.AllPages(t) {
		if strings.HasPrefix(page.Path, "docs/reference/methods/") {
			for _, h := range page.Headings {
				names[h.Text] = true
			}
		}
	}
	return names
}

// usedMethods are the packages that call each method of whatsmeow.Client: all variables and fields of that type are named cli or client.
func usedMethods(t *testing.T) map[string][]string {
	t.Helper()
	used := map[string][]string{}
	root := doctest.RepositoryRoot()
	err := filepath.WalkDir(filepath.Join(root, "bridge"), func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() && (entry.Name() == "sandbox" || entry.Name() == "conntest") {
			return filepath.SkipDir
		}
		if !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		dir, _ := filepath.Rel(root, filepath.Dir(path))
		ast.Inspect(file, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			method, ok := call.Fun.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			receiver := ""
			switch x := method.X.(type) {
			case *ast.Ident:
				receiver = x.Name
			case *ast.SelectorExpr:
				receiver = x.Sel.Name
			}
			if name := method.Sel.Name; (receiver == "cli" || strings.EqualFold(receiver, "client")) && !slices.Contains(used[name], filepath.ToSlash(dir)) {
				used[name] = append(used[name], filepath.ToSlash(dir))
			}
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, packages := range used {
		slices.Sort(packages)
	}
	return used
}
