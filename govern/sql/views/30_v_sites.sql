-- v_sites: the sites.
-- Layer   3 business; reads organizations
-- Grain   one row per site
-- Used    analyze/readings.py, deliver/
CREATE OR REPLACE VIEW v_sites AS
SELECT
    organization_id AS site_id,
    organization_name AS site_name,
    timezone,
    currency_code,
    city,
    country,
    is_active
FROM organizations;
