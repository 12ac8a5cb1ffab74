#!/bin/sh
# Every message of the bus has a receiver: a route of some task, or one of the few that cards, the runtime and replies take.
. "$(dirname "$0")/../lib.sh"
bins=$(cd "$(dirname "$ORRERY")/../libexec/orrery" && pwd)
for t in "$bins"/*; do
	case ${t##*/} in
	orreryd | orrery-card | cli) continue ;;
	esac
	"$t" --routes || fail "$t --routes"
done | sort >"$WORK/routes"
# taken by cards (cards/main.c), by the runtime (lib/task), or answers to a request
cat >"$WORK/others" <<-'X'
	status hello ready activate stop ping pong subscribe route
	task_orders card_set_state
	show_reply placement_reply ckpt_ack sample_done config_reply session_reply pool_chunk crr_batch eap_tell
	config_changed srp_state
X
missing=
for f in $(sed -n '/oneof body/,/^  }/s/^ *[A-Za-z]* \([a-z_]*\) = [0-9]*;.*/\1/p' "$HERE/../../proto/bus.proto"); do
	cut -f 1 "$WORK/routes" | grep -qx "$f" || grep -qw "$f" "$WORK/others" || missing="$missing $f"
done
[ -z "$missing" ] || fail "nobody takes:$missing"
[ "$(wc -l <"$WORK/routes")" -gt 40 ] || fail "only $(wc -l <"$WORK/routes") routes"
