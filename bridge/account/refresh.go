package account

import (
	"context"
	"slices"
	"time"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/appstate"

	"github.com/waystation/waystation/bridge/statesync"
	"github.com/waystation/waystation/bridge/wa"
)

// RefreshOptions select the parts of a refresh.
type RefreshOptions struct {
	AppState        bool // fetch all app-state collections from the beginning
	PreKeys         bool // upload prekeys if WhatsApp has few
	Privacy         bool // read the privacy settings again
	RequestRecovery bool // ask the phone for a snapshot of a collection that fails
}

// Refreshed is the report of a refresh.
type Refreshed struct {
	AppState []AppStateReport // nil unless asked for
	PreKeys  *PreKeyReport
	Privacy  *PrivacyReport
}

// AppStateReport is the result of reading one collection.
type AppStateReport struct {
	Name              string
	Err               error
	Duration          time.Duration
	RecoveryRequested bool
}

// PreKeyReport has the number of prekeys that WhatsApp has.
type PreKeyReport struct {
	ServerCount int
	Uploaded    bool
	Err         error
}

// PrivacyReport is the result of reading the privacy settings.
type PrivacyReport struct{ Err error }

// Refresh reads the data again that a connected session has copies of. A part that fails is in the report and does not stop the others.
func (s *Service) Refresh(ctx context.Context, opts RefreshOptions) (*Refreshed, error) {
	cli, err := s.conn.Live()
	if err != nil {
		return nil, err
	}
	out := &Refreshed{}
	if opts.AppState {
		for _, name := range appstate.AllPatchNames {
			out.AppState = append(out.AppState, s.refreshAppState(ctx, cli, name, statesync.FetchOptions{Full: true}, opts.RequestRecovery))
		}
	}
	if opts.PreKeys {
		report := &PreKeyReport{}
		internals := cli.DangerousInternals()
		if report.ServerCount, report.Err = internals.GetServerPreKeyCount(ctx); report.Err == nil && report.ServerCount < whatsmeow.MinPreKeyCount {
			internals.UploadPreKeys(ctx, false)
			report.Uploaded = true
		}
		out.PreKeys = report
	}
	if opts.Privacy {
		_, err := cli.TryFetchPrivacySettings(ctx, true)
		out.Privacy = &PrivacyReport{Err: err}
	}
	return out, nil
}

// AppStateOptions describe a read of the account's synchronised settings.
type AppStateOptions struct {
	Names           []string // collections; empty = all
	Incremental     bool     // read only what is new
	RequestRecovery bool     // ask the phone for a snapshot of a collection that fails
}

// FetchAppState reads collections and returns the id that their events have. A collection that fails is in the reports and does not stop the others.
func (s *Service) FetchAppState(ctx context.Context, opts AppStateOptions) (requestID string, reports []AppStateReport, err error) {
	for _, name := range opts.Names {
		if !slices.Contains(appstate.AllPatchNames[:], appstate.WAPatchName(name)) {
			return "", nil, wa.BadParam("names", "has %q, which is no collection", name)
		}
	}
	cli, err := s.conn.Live()
	if err != nil {
		return "", nil, err
	}
	fetch := statesync.FetchOptions{Full: !opts.Incremental, RequestID: wa.NewRequestID()}
	for _, name := range appstate.AllPatchNames {
		if len(opts.Names) == 0 || slices.Contains(opts.Names, string(name)) {
			reports = append(reports, s.refreshAppState(ctx, cli, name, fetch, opts.RequestRecovery))
		}
	}
	return fetch.RequestID, reports, nil
}

func (s *Service) refreshAppState(ctx context.Context, cli *whatsmeow.Client, name appstate.WAPatchName, opts statesync.FetchOptions, requestCopy bool) AppStateReport {
	start := time.Now()
	report := AppStateReport{Name: string(name)}
	report.Err = s.conn.FetchAppState(ctx, cli, name, opts)
	if report.Err != nil && requestCopy {
		report.RecoveryRequested = s.conn.RequestRecovery(ctx, cli, name, opts.RequestID) == nil
	}
	report.Duration = time.Since(start)
	return report
}
