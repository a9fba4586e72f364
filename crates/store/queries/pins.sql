-- What the workflows that some definitions may run stand for: the version that is named, or every version for `latest`.
select w.org_id, w.hash as definition, w.namespace, w.name, w.version as named, found.version, found.hash
from (select distinct * from unnest($1::uuid[], $2::bytea[]) as started (org_id, hash)) as d
join sub_workflows w on w.org_id = d.org_id and w.hash = d.hash
join definitions found on found.org_id = w.org_id and found.namespace = w.namespace and found.name = w.name
    and w.version in (found.version, 'latest')
