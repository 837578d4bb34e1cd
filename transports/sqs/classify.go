package sqs

import (
	"context"
	"errors"
	"fmt"
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

// entryError is what SQS says about one message of a request.
type entryError struct{ code, text string }

func (e *entryError) Error() string                 { return e.code + ": " + e.text }
func (e *entryError) ErrorCode() string             { return e.code }
func (e *entryError) ErrorMessage() string          { return e.text }
func (e *entryError) ErrorFault() smithy.ErrorFault { return smithy.FaultUnknown }

// verdict is what an answer means for a delivery.
type verdict int

const (
	retried   verdict = iota
	away              // says nothing about the event: all are held until the service, or who runs it, thinks better of it
	refused           // the same, of this queue alone
	permanent         // no attempt will change it
)

// verdicts are the codes that mean something else than another attempt.
var verdicts = map[string]struct {
	verdict
	reason broker.Reason
	text   string
}{
	"QueueDoesNotExist":                       {refused, broker.ReasonMissing, "the queue is not there"},
	"AWS.SimpleQueueService.NonExistentQueue": {refused, broker.ReasonMissing, "the queue is not there"},
	"QueueDeletedRecently":                    {refused, broker.ReasonMissing, "the queue was deleted less than a minute ago"},
	"AccessDenied":                            {refused, broker.ReasonCredentials, "SQS refuses the action to these credentials"},
	"AccessDeniedException":                   {refused, broker.ReasonCredentials, "SQS refuses the action to these credentials"},
	"InvalidClientTokenId":                    {away, broker.ReasonCredentials, "SQS does not know the access key"},
	"UnrecognizedClientException":             {away, broker.ReasonCredentials, "SQS does not know the access key"},
	"InvalidAccessKeyId":                      {away, broker.ReasonCredentials, "SQS does not know the access key"},
	"SignatureDoesNotMatch":                   {away, broker.ReasonCredentials, "SQS refuses the secret key"},
	"InvalidSignatureException":               {away, broker.ReasonCredentials, "SQS refuses the secret key"},
	"IncompleteSignature":                     {away, broker.ReasonCredentials, "SQS refuses the secret key"},
	"ExpiredToken":                            {away, broker.ReasonCredentials, "the credentials have expired"},
	"ExpiredTokenException":                   {away, broker.ReasonCredentials, "the credentials have expired"},
	"MissingAuthenticationToken":              {away, broker.ReasonCredentials, "SQS asks for credentials"},
	"InvalidSecurity":                         {away, broker.ReasonCredentials, "SQS asks for another way of signing"},
	"OptInRequired":                           {away, broker.ReasonCredentials, "the account may not use SQS"},
	"KmsAccessDenied":                         {refused, broker.ReasonCredentials, "the queue's key is refused to these credentials"},
	"KmsDisabled":                             {refused, broker.ReasonMissing, "the queue's key is disabled"},
	"KmsNotFound":                             {refused, broker.ReasonMissing, "the queue's key is not there"},
	"InvalidMessageContents":                  {permanent, broker.ReasonRefused, "the message has characters that SQS does not take"},
	"InvalidParameterValue":                   {permanent, broker.ReasonRefused, "SQS does not take the message"},
}

// absent tells whether an error says that there is no such queue.
func absent(err error) bool {
	var answer smithy.APIError
	return errors.As(err, &answer) && (strings.HasSuffix(answer.ErrorCode(), "NonExistentQueue") || answer.ErrorCode() == "QueueDoesNotExist")
}

// classify tells what an error means for a delivery, with the HTTP status for the archive. isAway: the event is not at
// fault. The text has no address and no credentials.
func classify(err error) (code int, classified error, isAway bool) {
	if err == nil {
		return 0, nil, false
	}
	var response *awshttp.ResponseError
	if errors.As(err, &response) {
		code = response.HTTPStatusCode()
	}
	var answer smithy.APIError
	switch {
	case errors.Is(err, errQueueName):
		return 0, dispatch.Permanent(err), false
	case errors.Is(err, errNoAnswer), errors.Is(err, broker.ErrClosed), errors.Is(err, context.Canceled):
		return code, err, false
	case errors.As(err, &answer):
		known, is := verdicts[answer.ErrorCode()]
		if !is {
			return code, fmt.Errorf("SQS answered %s", broker.Clip(answer.ErrorCode()+": "+answer.ErrorMessage())), false
		}
		shown := broker.NewTrouble(known.reason, known.text+" ("+answer.ErrorCode()+")")
		switch known.verdict {
		case away:
			return code, dispatch.Unreachable(shown), true
		case refused:
			return code, dispatch.Refused(shown), false
		case permanent:
			return code, dispatch.Permanent(shown), false
		}
	case code != 0: // an answer that is none of SQS, a proxy's for example
		return code, dispatch.Unreachable(fmt.Errorf("the endpoint answered %d, not as SQS does", code)), true
	}
	return code, dispatch.Unreachable(unreached(err)), true
}

// unreached is why there was no answer.
func unreached(err error) *broker.Trouble {
	if trouble := broker.Unanswered("SQS", err); trouble != nil {
		return trouble
	}
	if strings.Contains(err.Error(), "credentials") || strings.Contains(err.Error(), "get identity") {
		return broker.NewTrouble(broker.ReasonCredentials, "no credentials were found")
	}
	return broker.NewTrouble(broker.ReasonUnreachable, "SQS cannot be reached")
}

func failure(e *types.BatchResultErrorEntry) error {
	entry := &entryError{}
	if e.Code != nil {
		entry.code = *e.Code
	}
	if e.Message != nil {
		entry.text = *e.Message
	}
	return entry
}
