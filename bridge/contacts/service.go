package contacts

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"go.mau.fi/util/dbutil"
	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/appstate"
	"go.mau.fi/whatsmeow/store"
	"go.mau.fi/whatsmeow/types"
	"golang.org/x/time/rate"

	"github.com/waystation/waystation/bridge/directory"
	"github.com/waystation/waystation/bridge/statepatch"
	"github.com/waystation/waystation/bridge/wa"
)

// Conn has the methods of a session that operations on contacts use.
type Conn interface {
	// Live returns the client of the open connection, or an Error with ReasonNotConnected.
	Live() (*whatsmeow.Client, error)
	// Paired returns the keys of the paired device, also while the session is disconnected.
	Paired(ctx context.Context) (*store.Device, error)
	// Device returns the address of the paired device, empty without one.
	Device() types.JID
	// BrowserName returns the browser in the session's client profile, empty without one.
	BrowserName() string
	// WriteAppState changes the account's synchronised settings; operation is its name in errors.
	WriteAppState(ctx context.Context, operation string, patch appstate.PatchInfo) error
	// RemoveAppState removes an entry of the synchronised settings and reports whether it existed.
	RemoveAppState(ctx context.Context, operation string, name appstate.WAPatchName, entry statepatch.Entry) (found bool, err error)
}

// LabelSource has the labels of chats.
type LabelSource interface {
	// ChatLabels returns the ids of the labels that chats carry, by the chats' addresses: of all chats of a session without chats.
	ChatLabels(ctx context.Context, owner string, chats ...string) (map[string][]string, error)
}

// Service does the operations on the contacts of one session. Its methods return *wa.Error.
type Service struct {
	conn   Conn
	owner  string // key of the session's data
	pairs  *directory.Store
	db     *dbutil.Database // has whatsmeow's tables
	labels LabelSource      // nil = no labels
	log    func() *slog.Logger

	mu     sync.Mutex
	checks *rate.Limiter // bounds the checks of numbers; nil = unused
}

// NewService returns the operations on the contacts of the session whose data has the key owner.
func NewService(conn Conn, owner string, pairs *directory.Store, db *dbutil.Database, labels LabelSource, log func() *slog.Logger) *Service {
	return &Service{conn: conn, owner: owner, pairs: pairs, db: db, labels: labels, log: log}
}

// Too many checks of numbers get an account banned, hence both bounds.
const (
	maxNumbersPerCheck  = 100  // numbers in one call
	maxNumbersPerHour   = 1000 // numbers of one session in an hour
	numberCheckInterval = time.Hour / maxNumbersPerHour
)

// allowChecks takes count numbers from the session's allowance.
func (s *Service) allowChecks(count int, now time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.checks == nil {
		s.checks = rate.NewLimiter(rate.Every(numberCheckInterval), maxNumbersPerHour)
	}
	if !s.checks.AllowN(now, count) {
		return wa.NewError(wa.ReasonRateLimited, "the session may check %d numbers an hour", maxNumbersPerHour)
	}
	return nil
}

// livePerson parses the parameter contact and returns the client of the open connection with both addresses of the person.
func (s *Service) livePerson(ctx context.Context, contact string) (*whatsmeow.Client, wa.Person, error) {
	jid, err := wa.ParsePerson("contact", contact)
	if err != nil {
		return nil, wa.Person{}, err
	}
	client, err := s.conn.Live()
	if err != nil {
		return nil, wa.Person{}, err
	}
	person, err := wa.PersonOf(ctx, client.Store, jid)
	return client, person, err
}

// pairedPerson parses the parameter contact and returns the paired device with both addresses of the person.
func (s *Service) pairedPerson(ctx context.Context, contact string) (*store.Device, wa.Person, error) {
	jid, err := wa.ParsePerson("contact", contact)
	if err != nil {
		return nil, wa.Person{}, err
	}
	device, err := s.conn.Paired(ctx)
	if err != nil {
		return nil, wa.Person{}, err
	}
	person, err := wa.PersonOf(ctx, device, jid)
	return device, person, err
}
