-- The login with which analyze and deliver read.
-- Grain   one role for the cluster; rights are given by govern/run_create_views.py, view by view
-- Layer   security
-- Source  design: analyze never writes

-- Roles belong to the cluster: one that another database of it already made is taken as it is.
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'argo_reader') THEN
        CREATE ROLE argo_reader LOGIN;
    END IF;
EXCEPTION
    WHEN duplicate_object OR unique_violation THEN
        NULL;
    WHEN insufficient_privilege THEN
        RAISE WARNING 'this login may not create roles: ask for CREATE ROLE argo_reader LOGIN, then run db:views again';
END
$$;
