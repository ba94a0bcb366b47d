-- Columns that config/sites.yaml can set say so, as the source that the data dictionary shows.
-- Grain   comments only
-- Layer   core
-- Source  config/sites.yaml; read by npm run docs:dictionary

COMMENT ON COLUMN channels.channel_type IS 'Decides what may be added up: site_total, energy, environment, virtual; without a word in config it is told by the channel''s fields and name (config: channels.channel_type).';
COMMENT ON COLUMN channels.status IS 'active; silent (never reported); unreadable (only ever answers errors); retired (config: channels.status).';
COMMENT ON COLUMN channels.in_site_total IS 'True counts in the site''s total, false does not; null: channel_type decides, as v_meters says (config: channels.in_site_total).';
COMMENT ON COLUMN site_opening_hours.weekday IS 'ISO weekday: 1 = Monday .. 7 = Sunday (config: opening_hours).';
COMMENT ON COLUMN site_opening_hours.opens IS 'Local clock time of opening (config: opening_hours).';
COMMENT ON COLUMN site_opening_hours.closes IS 'Local clock time of closing; 24:00 = to the end of the day (config: opening_hours).';
COMMENT ON COLUMN site_closed_days.day IS 'Local day on which the site is closed all day (config: holidays, closed_days).';
