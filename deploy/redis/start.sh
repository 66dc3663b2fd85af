#!/bin/sh
# start.sh queue|cache   Runs a Redis as deploy/redis/<what>.conf says, as the image's user `redis`.
# Its one user, `noodle`, may do what deploy/redis/<what>.acl says; the password is the secret redis_password, of which only the hash is written.
set -eu
what=$1
here=/etc/noodle
umask 077
hash=$(tr -d '\n' </run/secrets/redis_password | sha256sum | cut -c 1-64)
# Clients tell what they are to servers that know the command, which those of 7.0 refuse to start with.
case $(redis-server --version) in *' v=7.0.'*) more='' ;; *) more='+client|setinfo' ;; esac
# The rules may be split over lines, as a file of users may not.
# Nobody can be the user `default`, but Redis reads its append-only file back as that one: without rights, each transaction in it would be refused and lost.
echo "user default off resetpass ~* &* +@all" >/run/redis/users.acl
echo "user noodle on #$hash $(sed 's/#.*//' "$here/$what.acl" | tr '\n' ' ')$more" >>/run/redis/users.acl
mkdir -p /data
chown -R redis:redis /data /run/redis
cd /data
exec setpriv --reuid redis --regid redis --clear-groups --no-new-privs \
  redis-server "$here/$what.conf" --aclfile /run/redis/users.acl --maxmemory "$REDIS_MEMORY"
