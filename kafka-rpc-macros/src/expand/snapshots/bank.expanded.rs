trait Bank: Clone {
    fn deposit(
        &self,
        account: String,
        cents: u64,
    ) -> impl ::core::future::Future<Output = Outcome<u64>> + ::core::marker::Send;
    fn balance(
        &self,
        account: String,
    ) -> impl ::core::future::Future<Output = Answer<u64>> + ::core::marker::Send;
    fn audit(
        &self,
    ) -> impl ::core::future::Future<Output = Result> + ::core::marker::Send;
    fn note(
        &self,
        text: String,
    ) -> impl ::core::future::Future<Output = ()> + ::core::marker::Send;
}
/// The client of [`Bank`]; made by `Client::attach`.
#[derive(::core::clone::Clone, ::core::fmt::Debug)]
struct BankClient {
    binding: rpc::__private::v0_1_0::Binding,
}
/// Serves an implementation of [`Bank`]; given to a `Server`.
struct BankServer<S> {
    service: rpc::__private::v0_1_0::Arc<S>,
}
const _: () = {
    enum __Method {
        M0,
        M1,
        M2,
        M3,
    }
    const __METHODS: &[rpc::__private::v0_1_0::Method] = &[
        rpc::__private::v0_1_0::Method::new("deposit.v2"),
        rpc::__private::v0_1_0::Method::new("balance"),
        rpc::__private::v0_1_0::Method::new("audit"),
        rpc::__private::v0_1_0::Method::new("note").oneway(),
    ];
    const __DESCRIPTOR: &rpc::__private::v0_1_0::Descriptor = &rpc::__private::v0_1_0::Descriptor::new(
        "bank",
        2u32,
        ::core::option::Option::Some("bank.in"),
        ::core::option::Option::Some("bank.out"),
        __METHODS,
    );
    #[automatically_derived]
    impl rpc::__private::v0_1_0::ServiceClient for BankClient {
        const DESCRIPTOR: &'static rpc::__private::v0_1_0::Descriptor = __DESCRIPTOR;
        fn from_binding(__binding: rpc::__private::v0_1_0::Binding) -> Self {
            Self { binding: __binding }
        }
        fn binding(&self) -> &rpc::__private::v0_1_0::Binding {
            &self.binding
        }
    }
    impl BankClient {
        /// Calls `deposit.v2`.
        fn deposit(
            &self,
            account: String,
            cents: u64,
        ) -> rpc::__private::v0_1_0::Call<
            Outcome<u64>,
            rpc::__private::v0_1_0::RpcError,
        > {
            let __key = <String as rpc::__private::v0_1_0::RoutingKey>::routing_key(
                &account,
            );
            let mut __arguments = rpc::__private::v0_1_0::Arguments::named(2u32);
            <String as rpc::__private::v0_1_0::WireType>::encode(
                &account,
                "account",
                &mut __arguments,
            );
            <u64 as rpc::__private::v0_1_0::WireType>::encode(
                &cents,
                "cents",
                &mut __arguments,
            );
            <Outcome<
                u64,
            > as rpc::__private::v0_1_0::WireType>::call(
                &self.binding,
                const { __DESCRIPTOR.method(__Method::M0 as usize) },
                __arguments,
                ::core::option::Option::Some(__key),
            )
        }
        /// Calls `balance`.
        fn balance(
            &self,
            account: String,
        ) -> rpc::__private::v0_1_0::ResultCall<Answer<u64>> {
            let mut __arguments = rpc::__private::v0_1_0::Arguments::named(1u32);
            <String as rpc::__private::v0_1_0::WireType>::encode(
                &account,
                "account",
                &mut __arguments,
            );
            (<<Answer<
                u64,
            > as rpc::__private::v0_1_0::ResultType>::Ok as rpc::__private::v0_1_0::WireType>::or::<
                <Answer<u64> as rpc::__private::v0_1_0::ResultType>::Err,
            >()
                .call)(
                &self.binding,
                const { __DESCRIPTOR.method(__Method::M1 as usize) },
                __arguments,
                ::core::option::Option::None,
            )
        }
        /// Calls `audit`.
        fn audit(
            &self,
        ) -> rpc::__private::v0_1_0::Call<Result, rpc::__private::v0_1_0::RpcError> {
            let mut __arguments = rpc::__private::v0_1_0::Arguments::named(0u32);
            <Result as rpc::__private::v0_1_0::WireType>::call(
                &self.binding,
                const { __DESCRIPTOR.method(__Method::M2 as usize) },
                __arguments,
                ::core::option::Option::None,
            )
        }
        /// Calls `note`.
        fn note(
            &self,
            text: String,
        ) -> rpc::__private::v0_1_0::Call<(), rpc::__private::v0_1_0::RpcError> {
            let mut __arguments = rpc::__private::v0_1_0::Arguments::named(1u32);
            <String as rpc::__private::v0_1_0::WireType>::encode(
                &text,
                "text",
                &mut __arguments,
            );
            rpc::__private::v0_1_0::Binding::call_oneway(
                &self.binding,
                const { __DESCRIPTOR.method(__Method::M3 as usize) },
                __arguments,
                ::core::option::Option::None,
            )
        }
    }
    impl<S> BankServer<S> {
        /// Serves this implementation.
        fn new(__service: S) -> Self {
            Self {
                service: rpc::__private::v0_1_0::Arc::new(__service),
            }
        }
    }
    #[automatically_derived]
    impl<S> ::core::fmt::Debug for BankServer<S> {
        fn fmt(&self, __f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
            __f.debug_struct("BankServer").finish_non_exhaustive()
        }
    }
    #[automatically_derived]
    impl<
        __S: Bank + ::core::marker::Send + ::core::marker::Sync + 'static,
    > rpc::__private::v0_1_0::Service for BankServer<__S> {
        fn descriptor(&self) -> &'static rpc::__private::v0_1_0::Descriptor {
            __DESCRIPTOR
        }
        fn dispatch(
            &self,
            __index: usize,
            __bytes: rpc::__private::v0_1_0::Bytes,
        ) -> rpc::__private::v0_1_0::Dispatch {
            let __service = ::core::clone::Clone::clone(&self.service);
            rpc::__private::v0_1_0::Box::pin(async move {
                match __index {
                    __index if __index == __Method::M0 as usize => {
                        fn __decode(
                            __bytes: &[u8],
                        ) -> ::core::result::Result<
                            (String, u64),
                            rpc::__private::v0_1_0::Failure,
                        > {
                            let [__argument_0, __argument_1] = rpc::__private::v0_1_0::arguments(
                                __bytes,
                                ["account", "cents"],
                            )?;
                            ::core::result::Result::Ok((
                                <String as rpc::__private::v0_1_0::WireType>::decode(
                                    __argument_0,
                                    "account",
                                )?,
                                <u64 as rpc::__private::v0_1_0::WireType>::decode(
                                    __argument_1,
                                    "cents",
                                )?,
                            ))
                        }
                        let (__argument_0, __argument_1) = __decode(&__bytes)?;
                        let __answer = <__S as Bank>::deposit(
                                &__service,
                                __argument_0,
                                __argument_1,
                            )
                            .await;
                        <Outcome<
                            u64,
                        > as rpc::__private::v0_1_0::WireType>::answer(&__answer)
                    }
                    __index if __index == __Method::M1 as usize => {
                        fn __decode(
                            __bytes: &[u8],
                        ) -> ::core::result::Result<
                            (String,),
                            rpc::__private::v0_1_0::Failure,
                        > {
                            let [__argument_0] = rpc::__private::v0_1_0::arguments(
                                __bytes,
                                ["account"],
                            )?;
                            ::core::result::Result::Ok((
                                <String as rpc::__private::v0_1_0::WireType>::decode(
                                    __argument_0,
                                    "account",
                                )?,
                            ))
                        }
                        let (__argument_0,) = __decode(&__bytes)?;
                        let __answer = <__S as Bank>::balance(&__service, __argument_0)
                            .await;
                        (<<Answer<
                            u64,
                        > as rpc::__private::v0_1_0::ResultType>::Ok as rpc::__private::v0_1_0::WireType>::or::<
                            <Answer<u64> as rpc::__private::v0_1_0::ResultType>::Err,
                        >()
                            .answer)(
                            <Answer<
                                u64,
                            > as rpc::__private::v0_1_0::ResultType>::as_result(
                                &__answer,
                            ),
                        )
                    }
                    __index if __index == __Method::M2 as usize => {
                        fn __decode(
                            __bytes: &[u8],
                        ) -> ::core::result::Result<
                            (),
                            rpc::__private::v0_1_0::Failure,
                        > {
                            let [] = rpc::__private::v0_1_0::arguments(__bytes, [])?;
                            ::core::result::Result::Ok(())
                        }
                        let () = __decode(&__bytes)?;
                        let __answer = <__S as Bank>::audit(&__service).await;
                        <Result as rpc::__private::v0_1_0::WireType>::answer(&__answer)
                    }
                    __index if __index == __Method::M3 as usize => {
                        fn __decode(
                            __bytes: &[u8],
                        ) -> ::core::result::Result<
                            (String,),
                            rpc::__private::v0_1_0::Failure,
                        > {
                            let [__argument_0] = rpc::__private::v0_1_0::arguments(
                                __bytes,
                                ["text"],
                            )?;
                            ::core::result::Result::Ok((
                                <String as rpc::__private::v0_1_0::WireType>::decode(
                                    __argument_0,
                                    "text",
                                )?,
                            ))
                        }
                        let (__argument_0,) = __decode(&__bytes)?;
                        let __answer = <__S as Bank>::note(&__service, __argument_0)
                            .await;
                        <() as rpc::__private::v0_1_0::WireType>::answer(&__answer)
                    }
                    _ => {
                        ::core::result::Result::Err(
                            rpc::__private::v0_1_0::Failure::Unimplemented,
                        )
                    }
                }
            })
        }
    }
    #[automatically_derived]
    impl<
        __S: Bank + ::core::marker::Send + ::core::marker::Sync + 'static,
    > rpc::__private::v0_1_0::ServiceServer for BankServer<__S> {
        type Client = BankClient;
    }
    const _: ::core::option::Option<(BankClient, BankServer<()>)> = ::core::option::Option::None;
};
