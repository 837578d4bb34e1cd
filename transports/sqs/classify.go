package sqs

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/aws/smithy-go"

	"github.com/waystation/waystation/transports/broker"
	"github.com/waystation/waystation/transports/dispatch"
)

var (
	errQueueName = errors.New("the queue's name has characters that SQS does not allow, or is longer than 80 bytes, for this session")
	errNoAnswer  = errors.New("SQS answered nothing about the message")
)

// entryError is the error of SQS for one message of a request.
type entryError struct{ code, text string }

func (e *entryError) Error() string                 { return e.code + ": " + e.text }
func (e *entryError) ErrorCode() string             { return e.code }
func (e *entryError) ErrorMessage() string          { return e.text }
func (e *entryError) ErrorFault() smithy.ErrorFault { return smithy.FaultUnknown }

// answers are the codes that mean something else than another attempt.
var answers = map[string]broker.Answer{
	"QueueDoesNotExist":           broker.NewAnswer(dispatch.Refused, broker.ReasonMissing, "the queue is not there"),
	"InvalidAddress":              broker.NewAnswer(dispatch.Refused, broker.ReasonMissing, "the queue's URL is none of this endpoint's"),
	"QueueDeletedRecently":        broker.NewAnswer(dispatch.Refused, broker.ReasonMissing, "the queue was deleted less than a minute ago"),
	"AccessDenied":                broker.NewAnswer(dispatch.Refused, broker.ReasonCredentials, "SQS refuses the action to these credentials"),
	"AccessDeniedException":       broker.NewAnswer(dispatch.Refused, broker.ReasonCredentials, "SQS refuses the action to these credentials"),
	"InvalidClientTokenId":        broker.NewAnswer(dispatch.Unreachable, broker.ReasonCredentials, "SQS does not know the access key"),
	"UnrecognizedClientException": broker.NewAnswer(dispatch.Unreachable, broker.ReasonCredentials, "SQS does not know the access key"),
	"InvalidAccessKeyId":          broker.NewAnswer(dispatch.Unreachable, broker.ReasonCredentials, "SQS does not know the access key"),
	"SignatureDoesNotMatch":       broker.NewAnswer(dispatch.Unreachable, broker.ReasonCredentials, "SQS refuses the secret key"),
	"InvalidSignatureException":   broker.NewAnswer(dispatch.Unreachable, broker.ReasonCredentials, "SQS refuses the secret key"),
	"IncompleteSignature":         broker.NewAnswer(dispatch.Unreachable, broker.ReasonCredentials, "SQS refuses the secret key"),
	"ExpiredToken":                broker.NewAnswer(dispatch.Unreachable, broker.ReasonCredentials, "the credentials have expired"),
	"ExpiredTokenException":       broker.NewAnswer(dispatch.Unreachable, broker.ReasonCredentials, "the credentials have expired"),
	"RequestExpired":              broker.NewAnswer(dispatch.Unreachable, broker.ReasonCredentials, "the clocks of SQS and of this server differ"),
	"RequestTimeTooSkewed":        broker.NewAnswer(dispatch.Unreachable, broker.ReasonCredentials, "the clocks of SQS and of this server differ"),
	"NotAuthorized":               broker.NewAnswer(dispatch.Refused, broker.ReasonCredentials, "SQS refuses the action to these credentials"),
	"MissingAuthenticationToken":  broker.NewAnswer(dispatch.Unreachable, broker.ReasonCredentials, "SQS asks for credentials"),
	"InvalidSecurity":             broker.NewAnswer(dispatch.Unreachable, broker.ReasonCredentials, "SQS asks for another way of signing"),
	"OptInRequired":               broker.NewAnswer(dispatch.Unreachable, broker.ReasonCredentials, "the account may not use SQS"),
	"KmsAccessDenied":             broker.NewAnswer(dispatch.Refused, broker.ReasonCredentials, "the queue's key is refused to these credentials"),
	"KmsDisabled":                 broker.NewAnswer(dispatch.Refused, broker.ReasonMissing, "the queue's key is disabled"),
	"KmsInvalidState":             broker.NewAnswer(dispatch.Refused, broker.ReasonMissing, "the queue's key cannot be used now"),
	"KmsInvalidKeyUsage":          broker.NewAnswer(dispatch.Refused, broker.ReasonMissing, "the queue's key is for something else"),
	"KmsOptInRequired":            broker.NewAnswer(dispatch.Refused, broker.ReasonCredentials, "the account may not use the queue's key"),
	"KmsNotFound":                 broker.NewAnswer(dispatch.Refused, broker.ReasonMissing, "the queue's key is not there"),
	"InvalidMessageContents":      broker.NewAnswer(dispatch.Permanent, broker.ReasonRefused, "the message has characters that SQS does not take"),
	"BatchRequestTooLong":         broker.NewAnswer(dispatch.Permanent, broker.ReasonRefused, "the message is larger than SQS takes"),
	"InvalidParameterValue":       broker.NewAnswer(dispatch.Permanent, broker.ReasonRefused, "SQS does not take the message"),
}

// codeOf returns the SQS error code, as in its present protocol: the previous one prefixed some with AWS.SimpleQueueService. or KMS., and both occur.
// Empty = the error is not from SQS.
func codeOf(err error) string {
	var answer smithy.APIError
	if !errors.As(err, &answer) || answer.ErrorCode() == "UnknownError" { // the SDK's code for unparsable responses
		return ""
	}
	code := strings.TrimPrefix(answer.ErrorCode(), "AWS.SimpleQueueService.")
	if key, is := strings.CutPrefix(code, "KMS."); is {
		return "Kms" + strings.TrimSuffix(key, "Exception")
	}
	if code == "NonExistentQueue" {
		return "QueueDoesNotExist"
	}
	return code
}

// isMissingQueue reports whether an error means that there is no such queue.
func isMissingQueue(err error) bool { return codeOf(err) == "QueueDoesNotExist" }

// mayBeTooLarge reports whether an error may mean that a message exceeds the queue's size limit, which has no code of its own.
func mayBeTooLarge(err error) bool {
	code := codeOf(err)
	return code == "InvalidParameterValue" || code == "BatchRequestTooLong"
}

// mayConcernSome reports whether an error of a request may concern only some of its messages.
func mayConcernSome(err error) bool {
	return mayBeTooLarge(err) || codeOf(err) == "InvalidMessageContents"
}

// classify returns the delivery error for an error, with the HTTP status for the archive. The text contains no address and no credentials.
func classify(err error) (code int, classified error) {
	if err == nil {
		return 0, nil
	}
	var response *awshttp.ResponseError
	if errors.As(err, &response) {
		code = response.HTTPStatusCode()
	}
	name := codeOf(err)
	known, is := answers[name]
	switch {
	case errors.Is(err, errQueueName):
		return 0, dispatch.Permanent(err)
	case errors.Is(err, errNoAnswer), errors.Is(err, broker.ErrClosed), errors.Is(err, context.Canceled):
		return code, err
	case is:
		return code, known.Err(name)
	case code >= http.StatusInternalServerError && name != "":
		return code, dispatch.Unreachable(broker.NewTrouble(broker.ReasonNotReady, fmt.Sprintf("SQS fails (%d %s)", code, name)))
	case name != "":
		var answer smithy.APIError
		errors.As(err, &answer)
		return code, fmt.Errorf("SQS answered %s", broker.Clip(name+": "+answer.ErrorMessage()))
	case code != 0: // a response that is not from SQS, a proxy's for example
		return code, dispatch.Unreachable(fmt.Errorf("the endpoint answered %d, not as SQS does", code))
	}
	return code, dispatch.Unreachable(asUnreachable(err))
}

// asUnreachable is why there was no answer.
func asUnreachable(err error) *broker.Trouble {
	if trouble := broker.Unanswered("SQS", err); trouble != nil {
		return trouble
	}
	if strings.Contains(err.Error(), "credentials") || strings.Contains(err.Error(), "get identity") {
		return broker.NewTrouble(broker.ReasonCredentials, "no credentials were found")
	}
	return broker.NewTrouble(broker.ReasonUnreachable, "SQS cannot be reached")
}

func entryFailure(e *types.BatchResultErrorEntry) error {
	entry := &entryError{}
	if e.Code != nil {
		entry.code = *e.Code
	}
	if e.Message != nil {
		entry.text = *e.Message
	}
	return entry
}
