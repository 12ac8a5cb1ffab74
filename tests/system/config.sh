#!/bin/sh
# A boot configuration with wrong lines: each is named with its number and reason, the rest loads; the chassis comes up.
. "$(dirname "$0")/../lib.sh"
cat >"$WORK/bad.cfg" <<'END'
config
  system hostname badone
  frobnicate
  context blue
    interface i1
      ip address 192.0.2.300 255.255.255.0
    #exit
    interface i2
      ip address 192.0.2.2 255.255.255.0
    #exit
  #exit
end
END
up t1 --config "$WORK/bad.cfg"
expect 0 'system hostname badone' "$ORRERY" cli --name t1 -c 'show configuration'
expect 0 'ip address 192.0.2.2' "$ORRERY" cli --name t1 -c 'show configuration'
errors() {
	"$ORRERY" cli --name t1 -c 'show configuration errors' -c 'show logs' 2>&1 | grep -E "$1"
}
within 5 errors '(line 3|:3:).*frobnicate|frobnicate.*line 3'
within 5 errors '(line 6|:6:).*192\.0\.2\.300|192\.0\.2\.300.*line 6'
