package sandbox

import (
	"fmt"
	"strings"
)

// MediaOperation is one side of the media host.
type MediaOperation string

// Operations of the media host.
const (
	MediaUpload   MediaOperation = "upload"
	MediaDownload MediaOperation = "download"
)

// maxMediaFaults bounds the active rules.
const maxMediaFaults = 1000

// mediaFault fails a number of requests.
type mediaFault struct {
	operation MediaOperation
	status    int
	left      int // negative: until cleared
}

// FailMedia answers the given number of following requests of an operation with an HTTP status from 400 to 599; times 0 means all until ClearMediaFaults.
// Downloads of history and app state, which devices start by themselves, fail with times 0 only, and do not count otherwise.
// Rules apply one after the other, in the order of the calls. Clients give up at once on 403, 404 and 410 and retry after other statuses.
func (n *Network) FailMedia(operation MediaOperation, status, times int) error {
	if operation != MediaUpload && operation != MediaDownload {
		return fmt.Errorf("sandbox: no media operation %q", operation)
	}
	if status < 400 || status > 599 || times < 0 {
		return fmt.Errorf("sandbox: bad media fault: status %d, %d times", status, times)
	}
	if times == 0 {
		times = -1
	}
	s := n.blobs
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.faults) >= maxMediaFaults {
		return fmt.Errorf("sandbox: more than %d media faults", maxMediaFaults)
	}
	s.faults = append(s.faults, mediaFault{operation, status, times})
	return nil
}

// ClearMediaFaults ends all rules of FailMedia.
func (n *Network) ClearMediaFaults() {
	s := n.blobs
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = nil
}

// consumeFault returns the status that the next request of an operation must fail with, or 0, and counts the use of the rule. mediaType is the request's
// mms-type.
func (s *blobStore) consumeFault(operation MediaOperation, mediaType string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range s.faults {
		fault := &s.faults[i]
		if fault.operation != operation || fault.left > 0 && strings.HasPrefix(mediaType, "md-") {
			continue
		}
		status := fault.status
		if fault.left--; fault.left == 0 {
			s.faults = append(s.faults[:i:i], s.faults[i+1:]...)
		}
		return status
	}
	return 0
}
