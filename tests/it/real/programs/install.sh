# Installs, asks, and undoes, in a mount namespace of its own: the machine's stores are copies here.
set -eu
mount -t tmpfs tmpfs "$SCRATCH"
for folder in /etc/ssl /usr/local/share/ca-certificates /var/lib/ca-certificates-java /var/lib/dpkg; do
  if [ -d "$folder" ]; then
    mkdir -p "$SCRATCH$folder"
    cp -a "$folder/." "$SCRATCH$folder"
    mount --bind "$SCRATCH$folder" "$folder"
  fi
done
# What is installed already is taken up now, and so is no difference later.
update-ca-certificates >/dev/null 2>&1

ask() { curl -q -sS --noproxy '' -o /dev/null -x "$DECK" https://sessiondirectory.xboxlive.com/handles; }
state() {
  find /etc/ssl /usr/local/share/ca-certificates -type f ! -path '*/java/*' -exec sha256sum {} + | sort
  find /etc/ssl -type l -printf '%p %l\n' | sort
  keytool -list -cacerts -storepass changeit 2>/dev/null | sort
}

state >"$SCRATCH/before"
! ask || { echo "trusted before it was installed"; exit 1; }
"$TAPDECK" ca install --only system
ask
keytool -list -cacerts -storepass changeit 2>/dev/null | grep -q tapdeck- || { echo "Java does not know it"; exit 1; }
"$TAPDECK" ca doctor --proxy "$DECK"
"$TAPDECK" ca install --only system
"$TAPDECK" ca create --replace
"$TAPDECK" ca uninstall
! ask || { echo "still trusted"; exit 1; }
state >"$SCRATCH/after"
diff "$SCRATCH/before" "$SCRATCH/after"
"$TAPDECK" ca uninstall
