// Package updates asks the feed of releases that the operator configured for the newest version.
//
// It contacts no other host. Enter at New.
package updates

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"golang.org/x/mod/semver"

	"github.com/waystation/waystation/rpc"
	"github.com/waystation/waystation/rpc/methods/servermethods"
)

const (
	// answerFor and failureFor are how long an answer, or a failure to get one, stands for later checks.
	answerFor, failureFor = time.Hour, time.Minute
	// timeout bounds a request to the feed, and maxBody its answer in bytes.
	timeout, maxBody = 15 * time.Second, 1 << 20
)

// Feed is the feed of releases. Its methods are safe for concurrent use.
type Feed struct {
	address, current string
	client           *http.Client
	now              func() time.Time

	mu      sync.Mutex // held during a request, so that one at a time is made
	release servermethods.Release
	err     error
	until   time.Time // until then release and err stand
}

var _ servermethods.Releases = (*Feed)(nil)

// New returns the feed at an http or https address. It answers with an object, or a list whose first item is the newest: the version is its tag_name
// or version, the page its html_url or url, as the releases of GitHub, GitLab and Gitea have them. current is the running version.
func New(address, current string, client *http.Client) *Feed {
	return &Feed{address: address, current: current, client: client, now: time.Now}
}

// Check implements servermethods.Releases.
func (f *Feed) Check(ctx context.Context) (servermethods.Release, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	now := f.now()
	if now.Before(f.until) {
		return f.release, f.err
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	version, page, err := f.newest(ctx)
	if ctx.Err() != nil && errors.Is(ctx.Err(), context.Canceled) {
		return servermethods.Release{}, err // the caller has left: it says nothing about the feed
	}
	if err != nil {
		f.release, f.until = servermethods.Release{}, now.Add(failureFor)
		f.err = &rpc.Error{Code: rpc.CodeInternal, Message: "the feed of releases cannot be read: " + err.Error(), Reason: "release_feed", Retryable: true, RetryAfter: failureFor}
		return f.release, f.err
	}
	f.err, f.until = nil, now.Add(answerFor)
	f.release = servermethods.Release{
		CurrentVersion: f.current, LatestVersion: version, CheckedAt: now.UTC(),
		UpdateAvailable: semver.IsValid(canonical(f.current)) && semver.Compare(canonical(version), canonical(f.current)) > 0,
	}
	if page != "" {
		f.release.ReleaseURL = &page
	}
	return f.release, nil
}

type release struct {
	TagName string `json:"tag_name"`
	Version string `json:"version"`
	HTMLURL string `json:"html_url"`
	URL     string `json:"url"`
}

// newest asks the feed. Its errors do not name the address, which may contain a token.
func (f *Feed) newest(ctx context.Context) (version, page string, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, f.address, nil)
	if err != nil {
		return "", "", errors.New("its address is invalid")
	}
	request.Header.Set("Accept", "application/json")
	response, err := f.client.Do(request)
	if err != nil {
		var failed *url.Error
		if errors.As(err, &failed) {
			err = failed.Err
		}
		return "", "", err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return "", "", fmt.Errorf("it answered with status %d", response.StatusCode)
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, maxBody+1))
	if err != nil {
		return "", "", err
	}
	if len(body) > maxBody {
		return "", "", fmt.Errorf("its answer has more than %d bytes", maxBody)
	}
	var newest release
	if err := json.Unmarshal(body, &newest); err != nil {
		var list []release
		if err := json.Unmarshal(body, &list); err != nil || len(list) == 0 {
			return "", "", errors.New("its answer is no release")
		}
		newest = list[0]
	}
	version, page = newest.TagName, newest.HTMLURL
	if version == "" {
		version = newest.Version
	}
	if page == "" {
		page = newest.URL
	}
	if !semver.IsValid(canonical(version)) || len(version) > 64 {
		return "", "", errors.New("its answer has no version")
	}
	if u, err := url.Parse(page); err != nil || u.Scheme != "https" && u.Scheme != "http" || len(page) > 2048 {
		page = ""
	}
	return version, page, nil
}

// canonical adds the v that package semver wants.
func canonical(version string) string { return "v" + strings.TrimPrefix(version, "v") }
